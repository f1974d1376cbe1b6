//! The endpoints over TCP, spoken by hand. Time is moved by hand too.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use landfall::clock::Clock;
use landfall::metrics::Metrics;
use landfall::model::{Outcome, SharedSnapshot, Snapshot};
use landfall::web::{Readiness, WebState, router, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::sample;
use crate::text::parse;

/// A server on a port of its own.
struct Server {
    address: SocketAddr,
    snapshot: SharedSnapshot,
    readiness: watch::Sender<Readiness>,
    clock: Clock,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}

impl Server {
    async fn start(snapshot: Snapshot) -> Self {
        Self::start_on(Clock::manual(sample::at(210)), snapshot).await
    }

    async fn start_on(clock: Clock, snapshot: Snapshot) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let snapshot = sample::shared(snapshot);
        let (readiness, receiver) = watch::channel(Readiness::Ready);
        let state = WebState {
            snapshot: Arc::clone(&snapshot),
            exposition: Arc::new(sample::exposition(Arc::clone(&snapshot), Metrics::new())),
            readiness: receiver,
            clock: clock.clone(),
            build: sample::build(),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, router(state), clock.clone(), stop.clone()));
        Self { address, snapshot, readiness, clock, stop, task }
    }

    /// With the sample's snapshot.
    async fn sample() -> Self {
        Self::start(sample::snapshot(&sample::plan(&["direct", "ses"], &[("gmail-1", "gmail"), ("qq-1", "qq")]))).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request line and more header fields; reads the answer to the end of the connection. HTTP/1.0 answers are not chunked.
    async fn ask(&self, line: &str, fields: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(format!("{line} HTTP/1.0\r\nHost: x\r\n{fields}\r\n").as_bytes()).await.unwrap();
        read_answer(stream).await
    }

    /// Moves the clock second by second until `task` is over.
    async fn wind<T>(&self, task: &JoinHandle<T>) -> Duration {
        let began = self.clock.now();
        for _ in 0..100_000 {
            if task.is_finished() {
                return self.clock.since(began);
            }
            self.clock.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
        panic!("not over after {:?}", self.clock.since(began));
    }
}

async fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole answer");
    let body = bytes.split_off(end + 4);
    Answer { head: String::from_utf8(bytes).unwrap(), body }
}

#[tokio::test]
async fn the_scraper_gets_the_format_it_asks_for() {
    let server = Server::sample().await;
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = "text/plain; version=0.0.4; charset=utf-8";
    for (fields, content_type) in [
        ("", text),
        ("Accept: */*\r\n", text),
        ("Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2\r\n", open),
        ("Accept: application/openmetrics-text;q=0.1\r\nAccept: text/plain;q=0.2\r\n", text),
        ("Accept: text/plain;q=0.1\r\nAccept: application/openmetrics-text;q=0.2\r\n", open),
        ("Accept: \u{fffd}\r\n", text),
    ] {
        let answer = server.ask("GET /metrics", fields).await;
        assert_eq!(answer.status(), "200", "{fields}");
        assert_eq!(answer.header("content-type"), Some(content_type), "{fields}");
        assert_eq!(answer.text().ends_with("# EOF\n"), content_type == open, "{fields}");
        assert!(answer.head.to_lowercase().contains("vary: accept"), "{}", answer.head);
        assert_eq!(parse(answer.text()).value("landfall_mailbox_up", &[("mailbox", "gmail-1")]), Some(1.0));
    }
}

#[tokio::test]
async fn gzip_is_used_where_it_is_taken() {
    let server = Server::sample().await;
    let plain = server.ask("GET /metrics", "").await;
    assert_eq!(plain.header("content-encoding"), None);
    let packed = server.ask("GET /metrics", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 4 < plain.body.len(), "{} of {}", packed.body.len(), plain.body.len());
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.text());
    let refused = server.ask("GET /metrics", "Accept-Encoding: gzip;q=0\r\n").await;
    assert_eq!(refused.header("content-encoding"), None);
}

#[tokio::test]
async fn readiness_follows_the_daemon_and_health_does_not() {
    let server = Server::sample().await;
    for (readiness, status, word) in [
        (Readiness::Starting, "503", "starting"),
        (Readiness::Ready, "200", "ready"),
        (Readiness::Stopping, "503", "shutting down"),
    ] {
        server.readiness.send_replace(readiness);
        let answer = server.ask("GET /-/ready", "").await;
        assert_eq!(answer.status(), status);
        assert!(answer.text().contains(word), "{}", answer.text());
        let healthy = server.ask("GET /-/healthy", "").await;
        assert_eq!((healthy.status(), healthy.text()), ("200", "Landfall is healthy.\n"));
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let server = Server::sample().await;
    for (line, status) in [
        ("GET /", "200"),
        ("GET /style.css", "200"),
        ("GET /metrics", "200"),
        ("GET /-/ready", "200"),
        ("GET /../etc/passwd", "404"),
        ("GET /-/", "404"),
        ("POST /metrics", "405"),
        ("DELETE /", "405"),
    ] {
        let answer = server.ask(line, "").await;
        assert_eq!(answer.status(), status, "{line}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{line}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{line}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{line}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{line}: {policy}");
        if status == "405" {
            assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{line}");
        }
    }
}

#[tokio::test]
async fn head_has_the_headers_and_no_body() {
    let server = Server::sample().await;
    for path in ["/", "/metrics", "/-/healthy"] {
        let get = server.ask(&format!("GET {path}"), "").await;
        let head = server.ask(&format!("HEAD {path}"), "").await;
        assert_eq!(head.status(), "200", "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

#[tokio::test]
async fn a_request_body_is_refused() {
    let server = Server::sample().await;
    let answer = server.ask("GET /metrics", "Content-Length: 1000000000\r\n").await;
    assert_eq!(answer.status(), "413");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(server.ask("GET /metrics", "Content-Length: 0\r\n").await.status(), "200");
    let mut stream = server.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    assert_eq!(read_answer(stream).await.status(), "413");
}

#[tokio::test]
async fn an_endless_header_is_refused() {
    let server = Server::sample().await;
    let answer = server.ask("GET /metrics", &format!("X: {}\r\n", "x".repeat(64 * 1024))).await;
    assert_eq!(answer.status(), "431");
    assert_eq!(server.ask("GET /-/healthy", "").await.status(), "200");
}

#[tokio::test]
async fn the_page_shows_the_lanes_and_escapes_every_name() {
    let server = Server::sample().await;
    let answer = server.ask("GET /", "").await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let page = answer.text();
    let [spam, unknown, inbox] = [">spam<", ">none yet<", ">inbox<"].map(|word| page.find(word).expect(word));
    assert!(spam < unknown && unknown < inbox, "the bad first, then the unknown");
    assert!(page.contains("<td class=\"bad\">spam</td><td>2 min ago</td>"));
    assert!(page.contains("(throttled): &lt;b&gt;slow down&lt;/b&gt;"));
    assert!(!page.contains("<script") && !page.contains("<b>"));

    let hostile = sample::lane("<script>alert(1)</script>", "\" onload=\"x", "a&b'");
    let mut snapshot = sample::snapshot(&sample::plan(&["ses"], &[("gmail-1", "gmail")]));
    let state = snapshot.lanes.values().next().unwrap().clone();
    Arc::make_mut(&mut snapshot.lanes).insert(hostile, state);
    server.snapshot.store(snapshot.into());
    let answer = server.ask("GET /", "").await;
    assert!(
        answer.text().contains(
            "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td><td>&quot; onload=&quot;x</td><td>a&amp;b&#39;</td>"
        )
    );
    assert!(!answer.text().contains("<script"));
}

/// `lanes` lanes of which each has settled.
fn many(lanes: usize) -> Snapshot {
    let names: Vec<_> = (0..lanes).map(|n| format!("mailbox-{n:05}")).collect();
    let mailboxes: Vec<_> = names.iter().map(|name| (name.as_str(), "generic")).collect();
    let mut snapshot = sample::snapshot(&sample::plan(&["ses"], &mailboxes));
    Arc::make_mut(&mut snapshot.lanes).retain(|lane, _| lane.mailbox.as_str().starts_with("mailbox-"));
    for (lane, state) in Arc::make_mut(&mut snapshot.lanes) {
        Arc::make_mut(state).last = Some(Arc::new(sample::settled(lane, "generic", Outcome::Inbox)));
    }
    snapshot
}

#[tokio::test]
async fn ten_thousand_lanes_are_scraped_whole_and_shown_in_part() {
    let server = Server::start(many(10_000)).await;
    let answer = server.ask("GET /metrics", "").await;
    let parsed = parse(answer.text());
    assert_eq!(parsed.count("landfall_last_settled_timestamp_seconds"), 10_000);
    assert_eq!(parsed.count("landfall_last_outcome"), 10_000 * Outcome::ALL.len());
    let page = server.ask("GET /", "").await;
    assert_eq!(page.text().matches("<tr><td>").count(), 1000);
    assert!(page.text().contains("9000 more are in the metrics"));
}

#[tokio::test]
async fn a_client_that_dawdles_is_cut_off_and_holds_up_nobody() {
    let server = Server::sample().await;
    let mut dawdler = server.connect().await;
    dawdler.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    assert_eq!(server.ask("GET /-/healthy", "").await.status(), "200");
    let reading = tokio::spawn(async move {
        let mut bytes = Vec::new();
        // A reset is an end as well.
        let _ = dawdler.read_to_end(&mut bytes).await;
        bytes
    });
    let spent = server.wind(&reading).await;
    assert!((29..240).contains(&spent.as_secs()), "cut off for dawdling, before the end of any connection: {spent:?}");
    let answer = String::from_utf8(reading.await.unwrap()).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(server.ask("GET /-/healthy", "").await.status(), "200");
}

#[tokio::test]
async fn a_connection_serves_one_scrape_after_another() {
    let server = Server::start_on(Clock::system(), Snapshot::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn when_every_place_is_taken_time_frees_them() {
    let server = Server::sample().await;
    let mut idle = Vec::new();
    for _ in 0..128 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200", "each has its place, and keeps it");
        idle.push(stream);
    }
    let mut late = server.connect().await;
    late.write_all(b"GET /-/healthy HTTP/1.0\r\nHost: x\r\n\r\n").await.unwrap();
    let answer = tokio::spawn(read_answer(late));
    let spent = server.wind(&answer).await;
    assert!((29..240).contains(&spent.as_secs()), "answered when idle connections are closed: {spent:?}");
    assert_eq!(answer.await.unwrap().status(), "200");
}

#[tokio::test]
async fn who_never_reads_an_answer_does_not_delay_the_end() {
    let server = Server::start(many(10_000)).await;
    let mut deaf = server.connect().await;
    deaf.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    deaf.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200", "the answer is under way");
    server.stop.cancel();
    let spent = server.wind(&server.task).await;
    assert!(spent >= Duration::from_secs(4), "an answer under way has a while: {spent:?}");
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn who_never_reads_an_answer_loses_the_connection() {
    let server = Server::start(many(10_000)).await;
    let mut deaf = server.connect().await;
    deaf.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    deaf.read_exact(&mut head).await.unwrap();
    for _ in 0..4000 {
        server.clock.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = deaf.read_to_end(&mut rest).await;
    let whole = server.ask("GET /metrics", "").await;
    assert!(rest.len() < whole.body.len(), "{} of {}", rest.len(), whole.body.len());
}

#[tokio::test]
async fn stopping_ends_idle_connections_at_once() {
    let server = Server::sample().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    server.stop.cancel();
    let now: Timestamp = server.clock.now();
    server.task.await.unwrap();
    assert_eq!(server.clock.now(), now);
}
