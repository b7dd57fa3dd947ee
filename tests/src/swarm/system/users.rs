//! A user of the simulator at one of his machines: what he knows, and what he does without being
//! asked. Most users have one machine; whoever has two sits at one of them.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use peer::command::{Command, Which};
use peer::output::{FileLine, Output, ServerState};
use peer::work::Direction;
use wire::Secret;

use super::guesser::locked_for;
use super::presence::View;
use crate::dice::{Dice, Probability};
use crate::journal::Pen;
use crate::network::HostId;
use crate::tincan::PeerDisk;

const NAMES: [&str; 5] = ["anna", "bert", "carl", "dora", "emil"];

/// The password of a user.
pub(super) fn password(name: &str) -> Secret<String> {
    Secret::new(format!("the password of {name}"))
}

/// What a user's program has said about his being logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    /// Nothing yet.
    Unknown,
    /// It asks for a name and a password.
    Needed,
    /// They were given.
    Asked,
    /// He is logged in.
    Online,
    /// He was, and is no more.
    Ended,
    /// He was, and then logged in at another machine.
    Elsewhere,
}

/// A user.
pub(super) struct User {
    pub(super) host: HostId,
    /// His account.
    pub(super) name: String,
    /// His account and machine.
    pub(super) label: String,
    /// He sits at this machine, and not at another.
    pub(super) is_here: bool,
    /// He was logged in at this machine at some time.
    pub(super) was_here: bool,
    /// His last login here ended a session at the other machine.
    pub(super) took_over: bool,
    pub(super) auto_accept: Option<u64>,
    /// His machine tries the server's IPv6 address first.
    pub(super) prefers_ipv6: bool,
    /// Where his disk is: no part of the trace.
    folder: String,
    /// His disk while his program is down, and for how long.
    pub(super) down: Option<(PeerDisk, Duration)>,
    pub(super) lives: u32,
    session: Session,
    registered: bool,
    /// Whom he blocks: nothing of theirs may be shown.
    pub(super) blocked: BTreeSet<String>,
    /// He blocked somebody at some time.
    pub(super) has_blocked: bool,
    /// His program died at some time: what it had not stored or shown may be missing.
    pub(super) has_crashed: bool,
    /// He logged out or quit at some time.
    pub(super) has_left: bool,
    /// He said so, and his program has not ended yet: it hands over first what it still has.
    pub(super) is_leaving: bool,
    /// His program is not started again for the time being.
    pub(super) stays_away: bool,
    /// Why he has no connection to the server; `None` when he has one.
    pub(super) server: Option<String>,
    /// What he knows of others.
    pub(super) view: View,
    /// Too many passwords were guessed: he waits a while.
    is_locked: bool,
    /// From now on he unblocks, accepts and resumes everything.
    pub(super) makes_peace: bool,
    /// What he is about to type.
    pub(super) intends: VecDeque<Command>,
}

impl User {
    pub(super) fn new(host: HostId, number: u8, pen: &Pen, dice: &mut Dice) -> Self {
        let name = NAMES[usize::from(number) - 1].to_owned();
        Self::at(host, name.clone(), name, pen, dice)
    }

    /// The same user's other machine, at which he has never been.
    pub(super) fn elsewhere(&self, host: HostId, pen: &Pen, dice: &mut Dice) -> Self {
        let label = format!("{}'s other machine", self.name);
        Self { is_here: false, ..Self::at(host, self.name.clone(), label, pen, dice) }
    }

    fn at(host: HostId, name: String, label: String, pen: &Pen, dice: &mut Dice) -> Self {
        let accepts = dice.chance(Probability::percent(50.0));
        let mut disk = PeerDisk::new();
        disk.pen = pen.of(&label);
        Self {
            host,
            name,
            label,
            is_here: true,
            was_here: false,
            took_over: false,
            auto_accept: accepts.then_some(u64::MAX),
            folder: disk.folder().display().to_string(),
            down: Some((disk, Duration::ZERO)),
            prefers_ipv6: dice.chance(Probability::percent(50.0)),
            lives: 0,
            session: Session::Unknown,
            registered: false,
            blocked: BTreeSet::new(),
            has_blocked: false,
            has_crashed: false,
            has_left: false,
            is_leaving: false,
            stays_away: false,
            server: Some(String::new()),
            view: View::default(),
            is_locked: false,
            makes_peace: false,
            intends: VecDeque::new(),
        }
    }

    /// Something that he types or reads, for the trace: short, and the same in each run.
    pub(super) fn in_short(&self, what: &impl core::fmt::Debug) -> String {
        format!("{what:?}").replace(&self.folder, "").chars().take(200).collect()
    }

    pub(super) fn is_up(&self) -> bool {
        self.down.is_none()
    }

    pub(super) fn is_online(&self) -> bool {
        self.is_up() && self.session == Session::Online
    }

    /// His program is logging in, and may take a session over when it gets through.
    pub(super) fn is_coming(&self) -> bool {
        self.is_up() && matches!(self.session, Session::Unknown | Session::Asked)
    }

    /// He knows that he has an account.
    pub(super) fn learn_registered(&mut self) {
        self.registered = true;
    }

    /// Whether the server has an account for him.
    pub(super) fn is_registered(&self) -> bool {
        self.registered
    }

    /// Whether everything that he typed must have been kept: his program never ended, and never
    /// had a reason to refuse.
    pub(super) fn keeps_everything(&self) -> bool {
        !(self.has_crashed || self.has_left || self.has_blocked)
    }

    /// He ends his program, or logs out with `Command::Logout`.
    pub(super) fn leaves(&mut self, how: &Command) {
        self.has_left = true;
        self.is_leaving = matches!(how, Command::Quit { .. });
    }

    /// His program has ended. A block that it had not kept is none.
    pub(super) fn goes_offline(&mut self) {
        self.session = Session::Unknown;
        self.is_leaving = false;
        self.blocked.clear();
        self.server = Some(String::new());
        self.view = View::default();
        self.intends.clear();
    }

    /// He reads what his program says.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what else is told is no business of this")]
    pub(super) fn read(&mut self, output: &Output) {
        self.view.read(output);
        match output {
            Output::LoginNeeded { reason } => {
                // The registration whose answer was lost was done after all.
                if reason.as_ref().is_some_and(|reason| reason.contains("taken")) {
                    self.registered = true;
                }
                let wait = reason.as_deref().and_then(locked_for);
                self.is_locked = wait.is_some();
                self.session = Session::Needed;
            }
            Output::LoggedIn { took_over, .. } => self.on_logged_in(*took_over),
            Output::Server { state: ServerState::Waiting { reason, .. } } => {
                // A device's key opens, whatever others guess.
                assert!(!reason.contains("too many failed"), "{}: {reason}", self.label);
                self.server = Some(reason.clone());
            }
            Output::LoggedOut { reason } => {
                let is_elsewhere = reason.contains("somewhere else");
                self.session = if is_elsewhere { Session::Elsewhere } else { Session::Ended };
                self.server = Some(reason.clone());
            }
            Output::FileOffer { id, .. } if self.auto_accept.is_none() => {
                self.intends.push_back(Command::Accept { which: Which::File(*id) });
            }
            Output::Blocked { users } if self.makes_peace => {
                for user in users {
                    self.intends.push_back(Command::Unblock { user: user.clone() });
                }
            }
            Output::Info { text } => {
                if let Some(user) = text.strip_suffix(" is no longer blocked.") {
                    self.blocked.remove(user);
                    self.view.forget(user);
                }
            }
            Output::Files { files, .. } if self.makes_peace => self.settle_files(files),
            _ => {}
        }
    }

    fn on_logged_in(&mut self, took_over: bool) {
        let was = self.session;
        assert!(was != Session::Elsewhere, "{} takes the session back by itself", self.label);
        self.session = Session::Online;
        self.registered = true;
        self.was_here = true;
        self.took_over = took_over;
        self.server = None;
    }

    /// He resumes what he paused and accepts what he is offered.
    fn settle_files(&mut self, files: &[FileLine]) {
        for file in files {
            let id = file.id;
            match (file.state, file.paused_by, file.direction) {
                ("paused", Some("you" | "both"), _) => {
                    self.intends.push_back(Command::Resume { id });
                }
                ("offered", _, Direction::Receiving) => {
                    self.intends.push_back(Command::Accept { which: Which::File(id) });
                }
                _ => {}
            }
        }
    }

    /// What he types now, if anything.
    pub(super) fn next_command(&mut self, dice: &mut Dice) -> Option<Command> {
        match self.session {
            Session::Needed | Session::Ended | Session::Elsewhere if !self.is_here => None,
            Session::Needed if self.is_locked && dice.below(20) > 0 => None,
            Session::Needed => {
                self.session = Session::Asked;
                let (name, password) = (self.name.clone(), password(&self.name));
                Some(if self.registered {
                    Command::Login { name, password }
                } else {
                    Command::Register { name, password }
                })
            }
            Session::Ended | Session::Elsewhere => {
                self.session = Session::Unknown;
                Some(Command::Reconnect)
            }
            Session::Online => {
                if self.intends.is_empty() && self.makes_peace {
                    match dice.below(20) {
                        0 => self.intends.push_back(Command::Blocked),
                        1 => self.intends.push_back(Command::Files { folder: None }),
                        _ => {}
                    }
                }
                self.intends.pop_front()
            }
            Session::Unknown | Session::Asked => None,
        }
    }
}
