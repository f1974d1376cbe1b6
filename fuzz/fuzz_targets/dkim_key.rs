//! Any bytes as a key record: an RSA key is odd and no longer than the record.
#![no_main]

use landfall::syntax::dkim_key::{PublicKey, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|record: &[u8]| match parse(record) {
    Ok(read) => {
        if let Some(PublicKey::Rsa { modulus, exponent }) = &read.key {
            assert!(modulus.len() + exponent.len() < record.len() && exponent.len() <= 5);
            assert!(modulus.first() != Some(&0) && modulus.last().is_some_and(|byte| byte % 2 == 1));
        }
        assert!(read.key.is_none_or(|key| key.bits() <= 8 * record.len()));
    }
    Err(error) => assert!(error.to_string().len() < 1_000),
});
