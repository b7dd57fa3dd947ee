//! What is known of reaching a user, in plain words: every sentence follows from what this program sees.
//!
//! A report says the same to whoever helps, and names nobody: no names, addresses, texts or files are put
//! into its sentences in the first place.

use std::net::SocketAddr;

use wire::app::name::Name;
use wire::relay::is_relayed;
use wire::time::{Duration, Instant};
use wire::{ConnectionHandle, Stats};

use super::App;
use super::limiter::{Limiter, Seen};
use super::links::Reach;
use super::nat::{self, Nat};
use super::paths::Whereabouts;
use crate::face::units;
use crate::output::{ConnectionLine, FileLine, HeldUp, Output, WhyFigures, is_over};
use crate::work::{Asking, Direction};

/// How the other one is called in a report.
const SOMEBODY: &str = "X";

/// To whom it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The person here.
    Person,
    /// Somebody who helps.
    Helper,
}

/// About whom it is told, and to whom.
struct About<'a> {
    user: &'a Name,
    /// How he is called.
    who: &'a str,
    reader: Reader,
}

impl About<'_> {
    fn address(&self, address: SocketAddr) -> String {
        match self.reader {
            Reader::Person => address.to_string(),
            Reader::Helper => format!("({})", nat::kind(address.ip())),
        }
    }

    /// What may hold names of servers and files.
    fn detail(&self, text: &str) -> String {
        match self.reader {
            Reader::Person => format!(" ({text})"),
            Reader::Helper => String::new(),
        }
    }
}

impl App {
    /// `/server`.
    pub(super) fn show_server(&mut self) {
        let name = &self.settings.server;
        let connection = self.connections().into_iter().find(|line| line.user.is_none());
        let text = match connection {
            Some(line) if self.server.is_logged_in() => {
                let rtt = line.rtt_ms.map(|ms| format!(", {ms} ms away")).unwrap_or_default();
                format!("Server {name} at {}: connected{rtt}.", line.address)
            }
            Some(_) | None => format!("Server {name}: {}.", self.server.why_not()),
        };
        self.info(&text);
        self.show_server_key();
    }

    /// `/why`.
    pub(super) fn tell_why(&mut self, now: Instant, user: &Name, reader: Reader) {
        let who = match reader {
            Reader::Person => user.as_str(),
            Reader::Helper => SOMEBODY,
        };
        let about = About { user, who, reader };
        let named = (reader == Reader::Person).then(|| user.to_string());
        let mut figures = self.figures(now, user);
        if self.is_blocked(user) {
            let text =
                format!("You block {who}: nothing goes either way. '/unblock {who}' ends that.");
            let figures = Box::new(figures);
            return self.tell(Output::Why { user: named, lines: vec![text], figures });
        }
        let mut lines = match reader {
            Reader::Person => Vec::new(),
            Reader::Helper => vec![self.about_program()],
        };
        lines.extend(self.about_presence(&about));
        lines.extend(self.about_standing(&about));
        lines.push(self.about_path(now, &about));
        lines.extend(self.about_last(now, &about));
        lines.extend(self.about_nats(&about));
        lines.extend(self.what_would_help(now, &about));
        let files = self.transfers.list(now);
        let files: Vec<&FileLine> = files
            .iter()
            .filter(|file| file.with == user.as_str() && !is_over(file.state))
            .collect();
        // What little was said says nothing of what the path could carry.
        let flows = files.iter().any(|file| file.state == "running");
        lines.extend(self.link_line(user).filter(|line| flows && line.rate > 0).map(|line| {
            format!("The path delivers {}/s, as last measured.", units::bytes(line.rate))
        }));
        let together = files.iter().map(|file| file.rate).sum();
        for file in files {
            let limiter = self.limiter(now, user, file, together);
            lines.push(self.about_file(file, limiter, &about));
            figures.held_up.extend(limiter.map(|by| HeldUp { id: file.id, by: by.word(file) }));
        }
        self.tell(Output::Why { user: named, lines, figures: Box::new(figures) });
    }

    fn figures(&self, now: Instant, user: &Name) -> WhyFigures {
        let line = self.link_line(user);
        let stats = self.link_stats(user).unwrap_or_default();
        let ago = |at: Option<Instant>| Some(millis(now - at?));
        WhyFigures {
            path: line.as_ref().map(|line| line.path),
            lan: line.is_some_and(|line| line.lan),
            nat_here: self.own_nat().word(),
            nat_there: self.nat_of(user).word(),
            received_ms: ago(stats.received_at),
            sent_ms: ago(stats.sent_at),
            heard_ms: ago(stats.heard_at),
            held_up: Vec::new(),
        }
    }

    fn link_stats(&self, user: &Name) -> Option<Stats> {
        self.endpoint.as_ref()?.stats(self.links.up(user)?.handle)
    }

    fn nat_of(&self, user: &Name) -> Nat {
        self.links.whereabouts(user).map_or(Nat::Unknown, Whereabouts::nat)
    }

    /// What a helper has to know of this side.
    fn about_program(&self) -> String {
        let server = self.connections().into_iter().find(|line| line.user.is_none());
        let server = match server.and_then(|line| line.rtt_ms) {
            Some(ms) => format!("the server is {ms} ms away"),
            None => "the server is not connected".to_owned(),
        };
        format!(
            "Report of peer {} on {} {}; {server}. {SOMEBODY} is the other user.",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH
        )
    }

    fn about_presence(&self, about: &About<'_>) -> Vec<String> {
        let who = about.who;
        if !self.server.is_logged_in() {
            let why = match about.reader {
                Reader::Person => format!(": {}", self.server.why_not()),
                Reader::Helper => ", as the server is not there".to_owned(),
            };
            return vec![format!("Whether {who} is online is not known{why}.")];
        }
        if self.roster.is_online(about.user) {
            return vec![format!("{who} is online, the server says.")];
        }
        vec![
            format!("{who} is not online, hides from you, or does not exist, the server says."),
            "Messages go to the mailbox, sealed; what it does not take, and files, wait here."
                .to_owned(),
        ]
    }

    fn about_standing(&self, about: &About<'_>) -> Option<String> {
        let About { user, who, .. } = about;
        let contact = self.contact(user);
        let asking = contact.map(|contact| contact.asking).unwrap_or_default();
        if self.is_held(user) {
            Some(format!(
                "{who} shows another key than the one that you verified, so nothing is sent: \
                 '/fingerprint {who}', then '/trust {who}'."
            ))
        } else if self.is_stranger(user) {
            Some(format!("{who} is a stranger here: write to him, or '/accept {who}' if he asks."))
        } else if matches!(asking, Asking::Asked { .. }) {
            Some(format!(
                "{who} was asked to talk, and has not answered: what you say waits there."
            ))
        } else {
            None
        }
    }

    fn about_path(&self, now: Instant, about: &About<'_>) -> String {
        let who = about.who;
        if let Some(line) = self.link_line(about.user) {
            let address = self.links.up(about.user).and_then(|up| self.address_of(up.handle));
            return path(&line, &address.map(|it| about.address(it)).unwrap_or_default());
        }
        match self.links.reach(now, about.user) {
            Reach::Calling { candidates } => format!(
                "A path is being looked for: {candidates} addresses of {who} are tried, and {who} tries \
                 yours."
            ),
            Reach::Asked => "The server was asked to introduce the two of you.".to_owned(),
            Reach::Waiting { seconds } => format!(
                "No path was found; the next try is in {}.",
                units::seconds(seconds)
            ),
            Reach::Nothing => {
                "There is no direct path: none is needed before there is something to say or to send."
                    .to_owned()
            }
        }
    }

    fn address_of(&self, handle: ConnectionHandle) -> Option<SocketAddr> {
        self.endpoint.as_ref()?.remote_address(handle)
    }

    /// When the last datagram went each way.
    fn about_last(&self, now: Instant, about: &About<'_>) -> Option<String> {
        let who = about.who;
        let stats = self.link_stats(about.user)?;
        let ago = |at: Instant| ago(now - at);
        let received = ago(stats.received_at?);
        let sent = match stats.sent_at {
            Some(at) => format!("the last one to {who} left {}", ago(at)),
            None => format!("none has left to {who} yet"),
        };
        let heard = match stats.heard_at {
            Some(at) => format!("{who} has confirmed one that left {}", ago(at)),
            None => format!("{who} has confirmed none yet"),
        };
        Some(format!("The last datagram of {who} came {received}, {sent}; {heard}."))
    }

    /// The addresses that were tried, and what they say of the NATs.
    fn about_nats(&self, about: &About<'_>) -> Vec<String> {
        let who = about.who;
        let Some(known) = self.links.whereabouts(about.user) else { return Vec::new() };
        let mut lines = Vec::new();
        if let Some(observed) = known.observed {
            let mut named = vec![format!("{} (as the server sees {who})", about.address(observed))];
            let others = known.own.iter().filter(|own| **own != observed);
            named.extend(others.map(|own| about.address(*own)));
            lines.push(format!("Addresses of {who} to try: {}.", named.join(", ")));
            if about.reader == Reader::Helper {
                lines.extend(self.about_networks(known));
            }
        }
        lines.push(format!("Your side: {}.", self.own_nat().text()));
        lines.push(format!("The side of {who}: {}.", known.nat().text()));
        lines
    }

    /// Which addresses are of one network, where the addresses themselves are not told.
    fn about_networks(&self, known: &Whereabouts) -> Option<String> {
        let (here, there) = (self.observed?.ip(), known.observed?.ip());
        let seen = if here.to_canonical() == there.to_canonical() {
            "The server sees both at the same address"
        } else if nat::is_same_network(here, there) {
            "The server sees both in the same network, at different addresses"
        } else {
            "The server sees both in different networks"
        };
        let own = &self.settings.local_candidates;
        let is_shared = own
            .iter()
            .any(|own| known.own.iter().any(|theirs| nat::is_same_network(own.ip(), theirs.ip())));
        let word = if is_shared { "share" } else { "do not share" };
        Some(format!("{seen}; their machines' own addresses {word} a network."))
    }

    /// What would help where no direct path is.
    fn what_would_help(&self, now: Instant, about: &About<'_>) -> Option<String> {
        let who = about.who;
        let is_relayed = self.link_line(about.user).is_some_and(|line| line.path == "relayed");
        let waits = matches!(self.links.reach(now, about.user), Reach::Waiting { .. });
        if !is_relayed && (!waits || self.links.up(about.user).is_some()) {
            return None;
        }
        let why = match (self.own_nat(), self.nat_of(about.user)) {
            (Nat::None, Nat::None) => {
                "Neither side has a NAT, so a firewall keeps the datagrams out. What helps: to let UDP in to \
                 the port of one of the two ('--udp PORT' keeps it the same)."
                    .to_owned()
            }
            (Nat::None, _) => {
                "Your side has no NAT, so a firewall keeps the datagrams out. What helps: to let UDP in to \
                 your port ('--udp PORT' keeps it the same)."
                    .to_owned()
            }
            (_, Nat::None) => format!(
                "The side of {who} has no NAT, so a firewall keeps the datagrams out. What helps: to let UDP \
                 in to the port there ('--udp PORT' keeps it the same)."
            ),
            (Nat::Unknown, _) | (_, Nat::Unknown) => {
                "A firewall or both routers keep datagrams out. What helps: the same network, or a fixed port \
                 (--udp) that one router passes on."
                    .to_owned()
            }
            (
                Nat::Some | Nat::Independent | Nat::Dependent,
                Nat::Some | Nat::Independent | Nat::Dependent,
            ) => {
                let ipv6 = if self.has_ipv6() { "" } else { ", IPv6 on both sides" };
                format!(
                    "Both sides are behind NATs, and one of these gives each destination another port, or a \
                     firewall lets UDP through to the server only. What helps: a fixed port (--udp) that one \
                     of the two routers passes on{ipv6}, or the same network."
                )
            }
        };
        Some(why)
    }

    /// What holds up a transfer with this user. `together` is the rate of all of them.
    fn limiter(
        &self,
        now: Instant,
        user: &Name,
        file: &FileLine,
        together: u64,
    ) -> Option<Limiter> {
        match (file.state, file.paused_by) {
            ("paused", Some("you")) => return Some(Limiter::PausedHere),
            ("paused", Some("both")) => return Some(Limiter::PausedByBoth),
            ("paused", _) => return Some(Limiter::PausedThere),
            ("running", _) => {}
            _ => return None,
        }
        let stats = self.link_stats(user)?;
        let relay_rate = self.links.whereabouts(user).and_then(|known| known.relay_rate);
        let is_relayed =
            self.links.up(user).and_then(|up| self.address_of(up.handle)).is_some_and(is_relayed);
        let seen = Seen {
            sends: file.direction == Direction::Sending,
            link: stats.limits.map(|limits| limits.spent(now)).unwrap_or_default(),
            hold: self.transfers.held_up(now, file.id),
            rate: together,
            relay_rate: relay_rate.filter(|_| is_relayed),
            rtt: stats.smoothed_rtt.unwrap_or_default(),
        };
        Some(seen.limiter())
    }

    fn about_file(&self, file: &FileLine, limiter: Option<Limiter>, about: &About<'_>) -> String {
        let who = about.who;
        let (way, limit, word) = match file.direction {
            Direction::Sending => ("to", self.settings.files.limit_up, "up"),
            Direction::Receiving => ("from", self.settings.files.limit_down, "down"),
        };
        let what = format!("File {} {way} {who}", file.id);
        match (file.state, file.paused_by) {
            ("paused", Some("you")) => {
                let why = file.reason.as_ref().map(|why| about.detail(why)).unwrap_or_default();
                format!("{what} is paused by you{why}: '/resume {}'.", file.id)
            }
            ("paused", Some("both")) => format!("{what} is paused by both of you."),
            ("paused", _) => format!("{what} is paused by {who}, who alone can resume it."),
            ("running", _) => {
                let rate = units::bytes(file.rate);
                let limit = limit.map(|limit| {
                    format!("; '/limit {word}' allows {}/s to all files", units::bytes(limit))
                });
                let known = self.links.whereabouts(about.user);
                let relay_rate = known.and_then(|known| known.relay_rate);
                let by = limiter.map(|by| by.text(file.direction, who, relay_rate));
                let by = by.map(|by| format!(" {by}")).unwrap_or_default();
                format!("{what} goes at {rate}/s{}.{by}", limit.unwrap_or_default())
            }
            ("offered", _) if file.direction == Direction::Receiving => {
                format!("{what} waits for your answer: '/accept {}'.", file.id)
            }
            ("offered", _) => format!("{what} waits for an answer of {who}."),
            (state, _) => format!("{what}: {state}."),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn ago(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{:.1} s ago", time.as_secs_f64())
    } else {
        format!("{} ago", units::seconds(time.as_secs()))
    }
}

fn path(line: &ConnectionLine, address: &str) -> String {
    let rtt = line.rtt_ms.map_or_else(|| "not measured yet".to_owned(), |ms| format!("{ms} ms"));
    let lost = if line.datagrams_lost == 0 {
        format!("none of {} datagrams was lost", line.datagrams_sent)
    } else {
        let share = line.datagrams_lost as f64 * 100.0 / line.datagrams_sent.max(1) as f64;
        format!(
            "{} of {} datagrams were lost ({share:.1} %)",
            line.datagrams_lost, line.datagrams_sent
        )
    };
    if line.path == "relayed" {
        return format!(
            "No direct path was found, so everything goes, sealed, through the server (relay): a round trip \
             takes {rtt}, {lost}. Direct paths are tried again each minute."
        );
    }
    let network = if line.lan { ", in your own network (LAN)" } else { "" };
    format!("The direct path to {address}{network}: a round trip takes {rtt}, {lost}.")
}
