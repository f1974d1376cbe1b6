//! Handing over to scripted servers.
