//! What is known of reaching a user, in plain words: every sentence follows from what this program sees.

use wire::app::name::Name;
use wire::time::Instant;

use super::App;
use super::links::Reach;
use crate::face::units;
use crate::output::{ConnectionLine, FileLine, Output, is_over};
use crate::work::{Asking, Direction};

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
    pub(super) fn tell_why(&mut self, now: Instant, user: &Name) {
        if self.is_blocked(user) {
            let text =
                format!("You block {user}: nothing goes either way. '/unblock {user}' ends that.");
            return self.tell(Output::Why { user: user.to_string(), lines: vec![text] });
        }
        let mut lines = self.about_presence(user);
        lines.extend(self.about_standing(user));
        lines.push(self.about_path(now, user));
        let files = self.transfers.list(now);
        let files = files.iter().filter(|file| file.with == user.as_str() && !is_over(file.state));
        // What little was said says nothing of what the path could carry.
        let flows = files.clone().any(|file| file.state == "running");
        lines.extend(self.link_line(user).filter(|line| flows && line.rate > 0).map(|line| {
            format!("The path delivers {}/s, as last measured.", units::bytes(line.rate))
        }));
        lines.extend(files.map(|file| self.about_file(file)));
        self.tell(Output::Why { user: user.to_string(), lines });
    }

    fn about_presence(&self, user: &Name) -> Vec<String> {
        if !self.server.is_logged_in() {
            let why = self.server.why_not();
            return vec![format!("Whether {user} is online is not known: {why}.")];
        }
        if self.roster.is_online(user) {
            return vec![format!("{user} is online, the server says.")];
        }
        vec![
            format!("{user} is not online, hides from you, or does not exist, the server says."),
            "Messages go to the mailbox, sealed; what it does not take, and files, wait here."
                .to_owned(),
        ]
    }

    fn about_standing(&self, user: &Name) -> Option<String> {
        let contact = self.contact(user);
        let asking = contact.map(|contact| contact.asking).unwrap_or_default();
        if self.is_held(user) {
            Some(format!(
                "{user} shows another key than the one that you verified, so nothing is sent: \
                 '/fingerprint {user}', then '/trust {user}'."
            ))
        } else if self.is_stranger(user) {
            Some(format!(
                "{user} is a stranger here: write to him, or '/accept {user}' if he asks."
            ))
        } else if matches!(asking, Asking::Asked { .. }) {
            Some(format!(
                "{user} was asked to talk, and has not answered: what you say waits there."
            ))
        } else {
            None
        }
    }

    fn about_path(&self, now: Instant, user: &Name) -> String {
        if let Some(line) = self.link_line(user) {
            return path(&line);
        }
        match self.links.reach(now, user) {
            Reach::Calling { candidates } => format!(
                "A path is being looked for: {candidates} addresses of {user} are tried, and {user} tries \
                 yours."
            ),
            Reach::Asked => "The server was asked to introduce the two of you.".to_owned(),
            Reach::Waiting { seconds } => format!(
                "No direct path was found; the next try is in {}. If that stays so, a firewall or both \
                 routers keep datagrams out: the same network, or a fixed port (--udp) that one router \
                 passes on, helps.",
                units::seconds(seconds)
            ),
            Reach::Nothing => {
                "There is no direct path: none is needed before there is something to say or to send."
                    .to_owned()
            }
        }
    }

    fn about_file(&self, file: &FileLine) -> String {
        let (way, limit, word) = match file.direction {
            Direction::Sending => ("to", self.settings.files.limit_up, "up"),
            Direction::Receiving => ("from", self.settings.files.limit_down, "down"),
        };
        let what = format!("File {} {way} {}", file.id, file.with);
        match (file.state, file.paused_by) {
            ("paused", Some("you")) => {
                let why = file.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
                format!("{what} is paused by you{why}: '/resume {}'.", file.id)
            }
            ("paused", Some("both")) => format!("{what} is paused by both of you."),
            ("paused", _) => format!("{what} is paused by {}, who alone can resume it.", file.with),
            ("running", _) => {
                let rate = units::bytes(file.rate);
                let limit = limit.map(|limit| {
                    format!("; '/limit {word}' allows {}/s to all files", units::bytes(limit))
                });
                format!("{what} goes at {rate}/s{}.", limit.unwrap_or_default())
            }
            ("offered", _) if file.direction == Direction::Receiving => {
                format!("{what} waits for your answer: '/accept {}'.", file.id)
            }
            ("offered", _) => format!("{what} waits for an answer of {}.", file.with),
            (state, _) => format!("{what}: {state}."),
        }
    }
}

fn path(line: &ConnectionLine) -> String {
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
            "No direct path was found, so everything goes, sealed, through the server: a round trip takes \
             {rtt}, {lost}. Direct paths are tried again each minute; the same network, or a fixed port \
             (--udp) that one router passes on, helps."
        );
    }
    format!("The direct path to {}: a round trip takes {rtt}, {lost}.", line.address)
}
