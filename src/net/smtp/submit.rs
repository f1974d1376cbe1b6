//! One message to one server.

use tokio_util::either::Either;

use crate::model::{Command, Credentials, Endpoint, Envelope, Handoff, Phase, TlsMode, Unreachable};
use crate::net::dial::Dialer;
use crate::net::smtp::Limits;
use crate::net::smtp::fault::{answered, dialled, unreachable};
use crate::net::smtp::session::Session;
use crate::net::smtp::timer::Timer;

/// A message ready to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'a> {
    pub envelope: &'a Envelope,
    /// Bytes of the message, for SIZE.
    pub size: usize,
    /// It has bytes above 127.
    pub eight_bit: bool,
    /// As it goes over the wire, without the final dot.
    pub body: &'a [u8],
}

/// A server, and who we are to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop<'a> {
    pub server: &'a Endpoint,
    pub credentials: Option<&'a Credentials>,
    pub helo: Option<&'a str>,
    pub limits: Limits,
}

/// Why there is no secured session.
enum NoSession {
    /// The handshake failed. Opportunistic TLS then does without (RFC 7435 §4), on a new connection.
    Handshake(Handoff),
    Other(Handoff),
}

impl From<Handoff> for NoSession {
    fn from(handoff: Handoff) -> Self {
        Self::Other(handoff)
    }
}

/// Hands `letter` to the server of `hop`.
pub(super) async fn submit(dialer: &Dialer, timer: &mut Timer<'_>, hop: &Hop<'_>, letter: &Letter<'_>) -> Handoff {
    let mode = hop.server.tls;
    match attempt(dialer, timer, hop, letter, mode).await {
        Ok(handoff) | Err(NoSession::Other(handoff)) => handoff,
        // As Postfix at `smtp_tls_security_level = may`: mail in the clear is better than none.
        Err(NoSession::Handshake(_)) if mode == TlsMode::Opportunistic => {
            match attempt(dialer, timer, hop, letter, TlsMode::None).await {
                Ok(handoff) | Err(NoSession::Other(handoff) | NoSession::Handshake(handoff)) => handoff,
            }
        }
        Err(NoSession::Handshake(handoff)) => handoff,
    }
}

async fn attempt(
    dialer: &Dialer,
    timer: &mut Timer<'_>,
    hop: &Hop<'_>,
    letter: &Letter<'_>,
    mode: TlsMode,
) -> Result<Handoff, NoSession> {
    let mut session = connect(dialer, timer, hop, mode).await?;
    let opened = open(&mut session, hop).await;
    if let Err(handoff) = opened {
        session.close(&handoff).await;
        return Ok(handoff);
    }
    if matches!(mode, TlsMode::StartTls | TlsMode::Opportunistic) {
        session = start_tls(dialer, session, hop, mode).await?;
    }
    let handoff = converse(&mut session, hop, letter).await.unwrap_or_else(|handoff| handoff);
    session.close(&handoff).await;
    Ok(handoff)
}

async fn connect<'t, 'c>(
    dialer: &Dialer,
    timer: &'t mut Timer<'c>,
    hop: &Hop<'_>,
    mode: TlsMode,
) -> Result<Session<'t, 'c>, NoSession> {
    timer.enter(Phase::Connect);
    let limit = hop.limits.connect;
    let tcp = dialer.connect(hop.server, limit).await.map_err(|error| dialled(&error, Phase::Connect))?;
    if mode != TlsMode::Implicit {
        return Ok(Session::new(Either::Left(tcp), false, hop.limits, timer));
    }
    timer.enter(Phase::Tls);
    let tls = dialer.secure(tcp, hop.server, limit).await.map_err(|error| dialled(&error, Phase::Tls))?;
    timer.enter(Phase::Connect);
    Ok(Session::new(Either::Right(Box::new(tls)), true, hop.limits, timer))
}

async fn open(session: &mut Session<'_, '_>, hop: &Hop<'_>) -> Result<(), Handoff> {
    session.greeting().await?;
    session.hello(hop.helo).await
}

/// STARTTLS (RFC 3207), and EHLO again: what was offered before it counts no more (§4.2).
async fn start_tls<'t, 'c>(
    dialer: &Dialer,
    mut session: Session<'t, 'c>,
    hop: &Hop<'_>,
    mode: TlsMode,
) -> Result<Session<'t, 'c>, NoSession> {
    session.timer.enter(Phase::Tls);
    let must = mode == TlsMode::StartTls;
    if !session.extensions.start_tls {
        if !must {
            return Ok(session);
        }
        let handoff = unreachable(Unreachable::Tls, Phase::Tls, "the server does not offer STARTTLS");
        session.close(&handoff).await;
        return Err(handoff.into());
    }
    let reply = session.ask("STARTTLS").await?;
    if reply.code != 220 {
        if !must && reply.code >= 400 && reply.code != 421 {
            return Ok(session);
        }
        let handoff = answered(Command::StartTls, reply);
        session.close(&handoff).await;
        return Err(handoff.into());
    }
    secure(dialer, session, hop).await
}

async fn secure<'t, 'c>(
    dialer: &Dialer,
    session: Session<'t, 'c>,
    hop: &Hop<'_>,
) -> Result<Session<'t, 'c>, NoSession> {
    // Plain text that arrived with the reply would be read as if it had come under TLS (CVE-2011-0411).
    session.wire.listens().map_err(|fault| fault.during(Phase::Tls))?;
    let Session { wire, timer, limits, .. } = session;
    let Some(tcp) = wire.into_tcp() else {
        return Err(unreachable(Unreachable::Protocol, Phase::Tls, "the connection is secured already").into());
    };
    let tls = dialer
        .secure(tcp, hop.server, limits.connect)
        .await
        .map_err(|error| NoSession::Handshake(dialled(&error, Phase::Tls)))?;
    let mut session = Session::new(Either::Right(Box::new(tls)), true, limits, timer);
    match session.hello(hop.helo).await {
        Ok(()) => Ok(session),
        Err(handoff) => {
            session.close(&handoff).await;
            Err(handoff.into())
        }
    }
}

async fn converse(session: &mut Session<'_, '_>, hop: &Hop<'_>, letter: &Letter<'_>) -> Result<Handoff, Handoff> {
    if let Some(credentials) = hop.credentials {
        session.authenticate(credentials, hop.server.tls == TlsMode::None).await?;
    }
    session.envelope(letter).await?;
    Ok(session.data(letter).await)
}
