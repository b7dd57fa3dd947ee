//! What is made of the facts: one check after the other, each with what to do.

use std::net::{IpAddr, SocketAddr};

use wire::PublicKey;
use wire::app::identity::fingerprint;
use wire::app::server::About;
use wire::time::Duration;

use super::{
    Check, Database, Facts, Folder, FolderState, Heard, Pin, Presence, Reader, ServerFacts,
    SocketFacts, Terminal, Verdict,
};
use crate::app::nat::{Nat, is_same_network, kind};
use crate::face::units;

/// Less room than this is worth a warning: a film hardly fits.
const LITTLE_ROOM: u64 = 1 << 30;
/// A clock that is wrong by more makes times of messages hard to understand.
const CLOCK_OFF: u64 = 60;

/// Looks at everything, in the order in which it is needed.
#[must_use]
pub fn examine(facts: &Facts, reader: Reader) -> Vec<Check> {
    let told = Told { reader };
    let mut checks = vec![
        told.folder("data-folder", &facts.data),
        told.database(&facts.database),
        told.folder("download-folder", &facts.downloads),
    ];
    checks.extend(told.socket(&facts.socket, &facts.database));
    checks.extend(told.routes(facts.routes));
    match &facts.server {
        Some(server) => checks.extend(told.server(server, facts)),
        None => checks.push(warn(
            "server",
            "none is named".to_owned(),
            "Name one with --server HOST:PORT.",
        )),
    }
    checks.push(told.player(&facts.player));
    checks.push(told.terminal(&facts.terminal));
    checks
}

fn ok(check: &'static str, text: String) -> Check {
    Check { check, verdict: Verdict::Ok, text, advice: None }
}

fn warn(check: &'static str, text: String, advice: &str) -> Check {
    Check { check, verdict: Verdict::Warn, text, advice: Some(advice.to_owned()) }
}

fn fail(check: &'static str, text: String, advice: &str) -> Check {
    Check { check, verdict: Verdict::Fail, text, advice: Some(advice.to_owned()) }
}

/// An address that may be told to this reader.
struct Told {
    reader: Reader,
}

impl Told {
    fn address(&self, address: SocketAddr) -> String {
        match self.reader {
            Reader::Person => address.to_string(),
            Reader::Helper => format!("({})", kind(address.ip())),
        }
    }

    fn ip(&self, ip: IpAddr) -> String {
        match self.reader {
            Reader::Person => ip.to_string(),
            Reader::Helper => format!("({})", kind(ip)),
        }
    }

    /// What may hold names of folders and hosts.
    fn detail(&self, text: &str) -> String {
        match self.reader {
            Reader::Person => text.to_owned(),
            Reader::Helper => "(the reason may hold names)".to_owned(),
        }
    }

    fn key(&self, key: &PublicKey) -> String {
        match self.reader {
            Reader::Person => fingerprint(&key.0),
            Reader::Helper => "(a key)".to_owned(),
        }
    }

    fn folder(&self, check: &'static str, folder: &Folder) -> Check {
        let path = match self.reader {
            Reader::Person => folder.path.as_str(),
            Reader::Helper => "it",
        };
        let option = if check == "data-folder" { "--data DIR" } else { "--download-dir DIR" };
        let choose = format!("Choose another with {option}.");
        match folder.state {
            FolderState::Usable(Some(free)) if free < LITTLE_ROOM => warn(
                check,
                format!("{path} can be written to, and has {} free", units::bytes(free)),
                "Make room: what does not fit is not fetched.",
            ),
            FolderState::Usable(free) => {
                let free = free.map(|free| format!(", {} free", units::bytes(free)));
                ok(check, format!("{path} can be written to{}", free.unwrap_or_default()))
            }
            FolderState::ToBeMade => {
                ok(check, format!("{path} is not there, and is made when needed"))
            }
            FolderState::CannotBeMade => {
                fail(check, format!("{path} is not there, and cannot be made"), &choose)
            }
            FolderState::NoFolder => fail(check, format!("{path} is no folder"), &choose),
            FolderState::Forbidden => fail(
                check,
                format!("{path} cannot be written to"),
                &format!("Give yourself the right to (chmod u+rwx), or: {}", lower_first(&choose)),
            ),
            FolderState::OpenToOthers => fail(
                check,
                format!("others may write to {path}"),
                "Take that right from them: chmod 700.",
            ),
        }
    }

    fn database(&self, database: &Database) -> Check {
        let check = "database";
        match database {
            Database::None => ok(check, "none yet: it is made at the first start".to_owned()),
            Database::Good => ok(check, "can be opened, and no other peer uses it".to_owned()),
            Database::InUse => {
                ok(check, "another peer that runs now uses it, so it was not opened".to_owned())
            }
            Database::Bad(why) => fail(
                check,
                self.detail(why),
                "Bring the data folder back from a backup, or use another one with --data.",
            ),
        }
    }

    fn socket(&self, socket: &Result<SocketFacts, String>, database: &Database) -> Vec<Check> {
        let socket = match socket {
            Ok(socket) => socket,
            Err(why) => {
                let advice =
                    "Choose another port with --udp, or 0 for any; another address with --bind.";
                return vec![fail("udp-port", self.detail(why), advice)];
            }
        };
        vec![self.port(socket, database), buffers(socket), offload(socket)]
    }

    fn port(&self, socket: &SocketFacts, database: &Database) -> Check {
        let check = "udp-port";
        match (socket.taken, database) {
            (None, _) => ok(check, format!("{} can be used", socket.local.port())),
            // Most likely by that one.
            (Some(port), Database::InUse) => ok(
                check,
                format!("{port} is in use, and another peer runs: looked on with another port"),
            ),
            (Some(port), Database::None | Database::Good | Database::Bad(_)) => fail(
                check,
                format!("{port} is used by another program"),
                "Choose another with --udp, or 0 for any.",
            ),
        }
    }

    fn routes(&self, [v4, v6]: [Option<IpAddr>; 2]) -> Vec<Check> {
        let found = |ip: IpAddr| format!("a route to others, from {}", self.ip(ip));
        let both = [
            ("ipv4", v4, "no route to others"),
            (
                "ipv6",
                v6,
                "no route to others, so users who have IPv6 alone are not reached directly",
            ),
        ];
        let none = v4.is_none() && v6.is_none();
        both.into_iter()
            .map(|(check, route, missing)| match route {
                Some(ip) => ok(check, found(ip)),
                None if none => warn(
                    check,
                    missing.to_owned(),
                    "Without any network only this machine and its own network are reached.",
                ),
                // One of the two is enough.
                None => ok(check, missing.to_owned()),
            })
            .collect()
    }

    fn server(&self, server: &ServerFacts, facts: &Facts) -> Vec<Check> {
        let mut checks = vec![self.name(server)];
        let Ok(addresses) = &server.addresses else { return checks };
        if addresses.is_empty() {
            return checks;
        }
        checks.push(self.answers(server));
        let answers: Vec<(SocketAddr, PublicKey, Option<About>)> = server
            .visited
            .iter()
            .filter_map(|(address, heard)| match heard {
                Heard::Answer { key, about, .. } => Some((*address, *key, *about)),
                Heard::Nothing | Heard::Refusal(_) => None,
            })
            .collect();
        let Some((_, key, _)) = answers.first() else { return checks };
        checks.push(self.key_is_known(&server.pin, key, answers.iter().map(|(_, key, _)| *key)));
        let seen: Vec<(SocketAddr, About)> =
            answers.iter().filter_map(|(at, _, about)| Some((*at, (*about)?))).collect();
        match seen.first() {
            Some((_, about)) => {
                checks.push(clock(facts.unix, about.unix));
                checks.push(self.nat(&seen, server));
                checks.push(relay(about.relay));
            }
            None => checks.push(warn(
                "nat",
                "the server is older, and does not say how it sees this machine".to_owned(),
                "Ask its operator for a newer version.",
            )),
        }
        checks
    }

    fn name(&self, server: &ServerFacts) -> Check {
        let check = "server-name";
        let name = match self.reader {
            Reader::Person => server.name.as_str(),
            Reader::Helper => "the server's",
        };
        match &server.addresses {
            Ok(addresses) if !addresses.is_empty() => {
                let list: Vec<String> = addresses.iter().map(|it| self.address(*it)).collect();
                ok(check, format!("{name} is {}", list.join(", ")))
            }
            Ok(_) => fail(
                check,
                format!("{name} has no address that can be reached from here"),
                "Name another with --server, or let --bind be.",
            ),
            Err(why) => fail(
                check,
                format!("{name} is not found: {}", self.detail(why)),
                "Look at how it is written and at this machine's name service (DNS).",
            ),
        }
    }

    /// The quickest answer.
    fn answers(&self, server: &ServerFacts) -> Check {
        let check = "server";
        let quickest = server.visited.iter().filter_map(|(address, heard)| match heard {
            Heard::Answer { rtt, .. } => Some((*rtt, *address)),
            Heard::Nothing | Heard::Refusal(_) => None,
        });
        if let Some((rtt, address)) = quickest.min() {
            return ok(
                check,
                format!(
                    "answers from {}; a round trip takes {}, wire version 1",
                    self.address(address),
                    in_millis(rtt)
                ),
            );
        }
        let refusal = server.visited.iter().find_map(|(_, heard)| match heard {
            Heard::Refusal(why) => Some(why),
            Heard::Nothing | Heard::Answer { .. } => None,
        });
        match refusal {
            Some(why) => {
                fail(check, format!("ends the talk: {}", self.detail(why)), "Try again later.")
            }
            None => fail(
                check,
                "does not answer".to_owned(),
                "Is it running, is the port right, and does a firewall let UDP through?",
            ),
        }
    }

    fn key_is_known(
        &self,
        pin: &Pin,
        key: &PublicKey,
        mut all: impl Iterator<Item = PublicKey>,
    ) -> Check {
        let check = "server-key";
        if all.any(|other| other != *key) {
            return fail(
                check,
                "addresses of the same name show different keys".to_owned(),
                "Ask the operator which is right, before you log in.",
            );
        }
        let shown = self.key(key);
        match pin {
            Pin::Key(known) if known == key => ok(check, format!("the same as ever: {shown}")),
            Pin::Key(known) => fail(
                check,
                format!("another than before: {shown} instead of {}", self.key(known)),
                "Ask the operator whether it was changed; nobody is logged in until '/trust server'.",
            ),
            Pin::None => ok(
                check,
                format!(
                    "first contact: {shown} is remembered at the first start; compare it with the operator's"
                ),
            ),
            Pin::Unknown => {
                ok(check, format!("{shown}; not compared, as the data folder was not opened"))
            }
        }
    }

    /// How the server sees this machine, from as many addresses of it as there are.
    fn nat(&self, seen: &[(SocketAddr, About)], server: &ServerFacts) -> Check {
        let check = "nat";
        let Some((at, first)) = seen.first() else { return ok(check, String::new()) };
        let other = seen.iter().find(|(address, about)| {
            address.ip() != at.ip() && about.observed.is_ipv4() == first.observed.is_ipv4()
        });
        let nat = Nat::of(Some(first.observed), &server.own, other.map(|(_, it)| it.observed));
        let text = format!("the server sees you at {}", self.address(first.observed));
        let text = match self.reader {
            Reader::Person => text,
            Reader::Helper => format!("{text}, {}", networks(first.observed, &server.own)),
        };
        match nat {
            Nat::None => ok(check, format!("{text}: no NAT")),
            Nat::Unknown => ok(check, format!("{text}; whether a NAT is there is not known")),
            Nat::Independent => ok(
                check,
                format!("{text}: a NAT, which shows two addresses of the server the same port"),
            ),
            Nat::Some => ok(
                check,
                format!(
                    "{text}: a NAT; whether it gives each destination another port one address of the server \
                     does not tell"
                ),
            ),
            Nat::Dependent => warn(
                check,
                format!("{text}: a NAT that gives each destination another port"),
                "Others behind such a NAT are reached through the server only, unless your router passes on \
                 a port ('--udp PORT') or both have IPv6.",
            ),
        }
    }

    fn player(&self, (name, presence): &(String, Presence)) -> Check {
        let check = "player";
        let name = match self.reader {
            Reader::Person => name.as_str(),
            Reader::Helper => "it",
        };
        match presence {
            Presence::There => {
                ok(check, format!("{name} is there: '/play' shows films as they arrive"))
            }
            Presence::Missing => warn(
                check,
                format!("{name} is not found"),
                "Install mpv, or name another with --player; without one '/play' and '/watch' show nothing.",
            ),
        }
    }

    #[expect(clippy::unused_self, reason = "one of a list of checks")]
    fn terminal(&self, terminal: &Terminal) -> Check {
        let check = "terminal";
        let Terminal { is_there, is_dumb, is_unicode, width } = *terminal;
        let signs =
            if is_unicode { "with Unicode" } else { "ASCII only (LANG says nothing of UTF-8)" };
        match (is_there, is_dumb) {
            (false, _) => ok(check, "none: lines and JSON work without one".to_owned()),
            (true, true) => warn(
                check,
                "its cursor cannot be moved (TERM)".to_owned(),
                "Plain lines are used; a full screen needs TERM to name the terminal.",
            ),
            (true, false) => {
                let width = width.map(|width| format!(", {width} columns")).unwrap_or_default();
                ok(check, format!("fit for the full screen{width}, {signs}"))
            }
        }
    }
}

fn buffers(socket: &SocketFacts) -> Check {
    let [receive, send] = socket.buffers;
    let text = format!(
        "the kernel keeps {} of what has come and {} of what is to go",
        units::bytes(receive as u64),
        units::bytes(send as u64)
    );
    if receive.min(send) >= socket.buffer_wanted {
        return ok("socket-buffers", text);
    }
    warn(
        "socket-buffers",
        text,
        &format!(
            "More helps on fast links: sysctl net.core.rmem_max={0} net.core.wmem_max={0}.",
            socket.buffer_wanted
        ),
    )
}

/// Slower without, and nothing else.
fn offload(socket: &SocketFacts) -> Check {
    let [send, receive] = socket.offload;
    let word = |count: usize| if count > 1 { "many" } else { "one" };
    ok(
        "offload",
        format!(
            "{} datagrams are sent by one call (GSO), {} received (GRO)",
            word(send),
            word(receive)
        )
        .replace("one datagrams are", "one datagram is"),
    )
}

fn clock(here: u64, there: u64) -> Check {
    let off = here.abs_diff(there);
    let way = if here > there { "ahead of" } else { "behind" };
    if off <= CLOCK_OFF {
        return ok("clock", "agrees with the server's".to_owned());
    }
    warn(
        "clock",
        format!("{} {way} the server's", units::seconds(off)),
        "Set this machine's clock (NTP), or ask the operator about the server's.",
    )
}

fn relay(rate: Option<u64>) -> Check {
    match rate {
        Some(rate) => ok(
            "relay",
            format!(
                "where no direct path is, the server carries up to {}/s for you",
                units::bytes(rate)
            ),
        ),
        None => warn(
            "relay",
            "the server carries nothing where no direct path is".to_owned(),
            "Some users will not be reached: the operator can change that (--relay on).",
        ),
    }
}

/// Whether the address seen by the server is near one of this machine's own.
fn networks(observed: SocketAddr, own: &[SocketAddr]) -> &'static str {
    if own.contains(&observed) {
        "an address of this machine"
    } else if own.iter().any(|own| is_same_network(own.ip(), observed.ip())) {
        "in the same network as an address of this machine"
    } else {
        "in no network of this machine's own addresses"
    }
}

fn in_millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
