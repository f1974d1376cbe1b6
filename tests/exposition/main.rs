//! What Prometheus and people get over HTTP: the complete exposition against its golden files and against promtool, and the endpoints over TCP.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod http;
#[cfg(test)]
mod promtool;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod text;
