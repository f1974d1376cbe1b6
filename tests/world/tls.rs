//! The world's certificates, and the key that signs its mail.

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::world::{Problem, RECEIVERS, Result, problem};

/// Writes `ca.pem`, `server.pem` and its key for every name but `misnamed.good.test`, the same for `untrusted.good.test` by an
/// authority nobody knows, and `dkim.key`. Gives the DKIM record for the key as strings of a TXT record.
pub(in crate::world) fn write(directory: &Path) -> Result<String> {
    let mut names = vec!["relay.good.test".to_owned()];
    names.extend(RECEIVERS.iter().flat_map(|domain| [format!("mx.{domain}"), format!("imap.{domain}")]));
    let authority = chain(directory, "Landfall test authority", names, "server")?;
    save(directory, "ca.pem", &authority)?;
    chain(directory, "An authority nobody knows", vec!["untrusted.good.test".into()], "untrusted")?;
    dkim(directory)
}

/// A new authority and one certificate signed by it; gives the authority's own.
fn chain(directory: &Path, authority: &str, names: Vec<String>, file: &str) -> Result<String> {
    let failed = |error: rcgen::Error| problem("a certificate", &error);
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, authority);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(failed)?;
    let own = params.self_signed(&key).map_err(failed)?.pem();
    let issuer = Issuer::new(params, key);
    let server_key = KeyPair::generate().map_err(failed)?;
    let server = CertificateParams::new(names).and_then(|params| params.signed_by(&server_key, &issuer));
    save(directory, &format!("{file}.pem"), &server.map_err(failed)?.pem())?;
    save(directory, &format!("{file}.key"), &server_key.serialize_pem())?;
    Ok(own)
}

fn dkim(directory: &Path) -> Result<String> {
    let key = directory.join("dkim.key");
    openssl(Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048"))?;
    let public = openssl(Command::new("openssl").args(["rsa", "-pubout", "-in"]).arg(&key))?;
    let public: String = public.lines().filter(|line| !line.starts_with('-')).collect();
    let record = format!("v=DKIM1; k=rsa; p={public}");
    // A string of a TXT record has 255 bytes at most (RFC 1035 §3.3).
    let strings: Vec<_> = record.as_bytes().chunks(200).map(|part| format!("\"{}\"", part.escape_ascii())).collect();
    Ok(strings.join(" "))
}

fn openssl(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| problem("openssl", &error))?;
    if !output.status.success() {
        return Err(Problem(format!("openssl failed: {}", String::from_utf8_lossy(&output.stderr))));
    }
    String::from_utf8(output.stdout).map_err(|error| problem("openssl", &error))
}

fn save(directory: &Path, name: &str, text: &str) -> Result<()> {
    fs::write(directory.join(name), text).map_err(|error| problem(name, &error))
}
