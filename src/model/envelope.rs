//! The addresses a message travels under, which need not be those in its header.

/// Sender and recipient as SMTP carries them (RFC 5321 §3.3), without angle brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM: where bounces go. Empty for the null reverse-path.
    pub from: String,
    /// RCPT TO.
    pub to: String,
}
