//! The face of commands that do one thing: it asks the core for what is needed, watches what
//! comes of it, and ends with an exit code that tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use wire::Secret;
use wire::app::name::Name;
use wire::app::text;
use wire::time::{Duration, Instant};

use super::exit::Exit;
use crate::command::{Command, Which};
use crate::output::{FileLine, NO_SUCH_USER, Output, is_over};
use crate::work::{Direction, ExportFormat};

/// How long connecting and logging in may take.
const LOGIN_LIMIT: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Send a text.
    Message {
        /// Receiver as typed.
        to: String,
        /// The text.
        text: String,
        /// When that is done.
        until: Until,
    },
    /// Send files.
    Send {
        /// Receiver as typed.
        to: String,
        /// At least one.
        paths: Vec<PathBuf>,
    },
    /// Hand over a file that grows.
    Live {
        /// Receiver as typed.
        to: String,
        /// The file.
        path: PathBuf,
        /// What it is to be called there.
        name: Option<String>,
    },
    /// Take files.
    Receive {
        /// Only from this user, as typed.
        from: Option<String>,
        /// How many; 0 for as many as come.
        count: u64,
    },
    /// Show fingerprints.
    Fingerprint {
        /// Whose; one's own and the server's when `None`.
        user: Option<String>,
    },
    /// Add somebody by a spoken code.
    Code {
        /// The one that he has said; a new one when `None`.
        typed: Option<Secret<String>>,
    },
    /// Delete the account.
    DeleteAccount {
        /// Its name, as typed.
        name: String,
        /// Its password.
        password: Secret<String>,
    },
    /// Write a conversation into a file. Needs no server.
    Export {
        /// With whom, as typed; with everyone when `None`.
        with: Option<String>,
        /// The file.
        path: PathBuf,
        /// How.
        format: ExportFormat,
    },
}

/// How far a message has to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "shell", derive(clap::ValueEnum))]
pub enum Until {
    /// The other side has stored it.
    Delivered,
    /// It is kept here, and goes out later; needs no server.
    Kept,
}

/// What is to happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Give this to the core.
    Command(Command),
    /// A line of the result, for standard output.
    Result(String),
    /// A line for the person, for standard error.
    Complain(String),
    /// End with this.
    Exit(Exit),
}

/// One task on its way.
#[derive(Debug)]
pub struct OneShot {
    task: Task,
    limit: Option<Duration>,
    phase: Phase,
    deadline: Option<Instant>,
    /// Whether what is handed over grows no more, and that was not told.
    input_has_ended: bool,
}

#[derive(Debug)]
enum Phase {
    LoggingIn,
    /// Logged in; the list of the blocked was asked for, which may be the server's to answer.
    AskingBlocked,
    /// The list of transfers was asked for. The core tells it at once: nothing is offered between
    /// the list and the task, and so nothing is missed.
    Listing,
    /// The message was given to the core; its number once known.
    Messaging(Option<u64>),
    Sending(Sending),
    Receiving(Receiving),
    /// Fingerprints still to come.
    Showing(usize),
    Exporting,
    /// The deletion was given to the core.
    Deleting,
    /// A code was made or typed.
    Proving,
    Over,
}

#[derive(Debug)]
struct Sending {
    /// Transfers that were there before.
    old: BTreeSet<u64>,
    /// The state of ours.
    ours: BTreeMap<u64, &'static str>,
    /// How many are neither complete, given up, nor refused by the core.
    open: usize,
    worst: Exit,
}

#[derive(Debug, Default)]
struct Receiving {
    /// Offered, not accepted yet.
    offers: BTreeSet<u64>,
    /// Accepted, on their way.
    active: BTreeSet<u64>,
    /// Accepted in an earlier run: they count when they are complete, but nobody knows whether
    /// they will be.
    earlier: BTreeSet<u64>,
    complete: u64,
}

impl OneShot {
    /// Begins at `now`; ends `limit` after the login at the latest.
    #[must_use]
    pub fn new(now: Instant, task: Task, limit: Option<Duration>) -> Self {
        let deadline = Some(now + LOGIN_LIMIT);
        Self { task, limit, phase: Phase::LoggingIn, deadline, input_has_ended: false }
    }

    /// When [`Self::on_deadline`] is due.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The time is over.
    pub fn on_deadline(&mut self, now: Instant) -> Vec<Act> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        let exit = match &self.phase {
            Phase::Over => return Vec::new(),
            Phase::LoggingIn => {
                return self.end(Exit::NoServer, Some("the server did not answer in time"));
            }
            Phase::Messaging(Some(_)) => {
                let text = "queued: it is delivered when both run again";
                return self.end(Exit::Queued, Some(text));
            }
            Phase::Sending(sending) if sending.ours.values().all(|state| is_waiting(state)) => {
                return self.end(Exit::Queued, Some("offered: it goes on when both run again"));
            }
            Phase::Receiving(_) if matches!(self.task, Task::Receive { count: 0, .. }) => {
                Exit::Done
            }
            Phase::AskingBlocked
            | Phase::Listing
            | Phase::Messaging(None)
            | Phase::Sending(_)
            | Phase::Receiving(_)
            | Phase::Exporting
            | Phase::Deleting
            | Phase::Proving
            | Phase::Showing(_) => Exit::Timeout,
        };
        self.end(exit, (exit == Exit::Timeout).then_some("it did not happen in time"))
    }

    /// The core told something.
    pub fn on_output(&mut self, now: Instant, output: &Output) -> Vec<Act> {
        match output {
            Output::Ready { user: Some(_), .. } => self.begin_here(now),
            Output::Kept { to, .. } => self.on_kept(to),
            Output::Export { path, lines, .. } => self.on_export(path, *lines),
            Output::LoggedIn { .. } if matches!(self.phase, Phase::LoggingIn) => self.begin(now),
            Output::AccountDeleted { user, kept } => self.on_deleted(user, kept.is_some()),
            Output::Code { code, .. } if matches!(self.phase, Phase::Proving) => {
                vec![Act::Result(code.clone())]
            }
            Output::CodeOver { user, fingerprint, .. } => {
                self.on_code_over(user.as_deref(), fingerprint.is_some())
            }
            Output::Code { .. } => Vec::new(),
            // What follows from it is told by itself.
            Output::LoginNeeded { .. } | Output::LoggedOut { .. } if self.is_deleting() => {
                Vec::new()
            }
            Output::LoginNeeded { reason: Some(_) } => self.end(Exit::LoginFailed, None),
            Output::LoggedOut { .. } => self.end(Exit::LoginFailed, None),
            Output::Blocked { users } => self.on_blocked(users),
            Output::Files { files, .. } => self.on_files(files),
            Output::MessageState { to, id, state, reason } => {
                self.on_message_state(to, *id, state, reason.as_deref())
            }
            Output::File { file } => self.on_file(file),
            Output::FileOffer { id, from, .. } => self.on_offer(*id, from),
            Output::Fingerprint { .. } => self.on_fingerprint(output),
            Output::NotSent { .. } if matches!(self.phase, Phase::Messaging(None)) => {
                self.end(Exit::Unreachable, None)
            }
            Output::Error { .. } => self.on_error(),
            Output::Ready { user: None, .. }
            | Output::Server { .. }
            | Output::ServerFingerprint { .. }
            | Output::LoginNeeded { reason: None }
            | Output::LoggedIn { .. }
            | Output::Presence { .. }
            | Output::Users { .. }
            | Output::Whois { .. }
            | Output::Message { .. }
            | Output::Changed { .. }
            | Output::NotSent { .. }
            | Output::RoomInvited { .. }
            | Output::RoomChanged { .. }
            | Output::Rooms { .. }
            | Output::Members { .. }
            | Output::Link { .. }
            | Output::Request { .. }
            | Output::RequestOver { .. }
            | Output::Requests { .. }
            | Output::Asked { .. }
            | Output::Play { .. }
            | Output::Watch { .. }
            | Output::Open { .. }
            | Output::History { .. }
            | Output::Outbox { .. }
            | Output::Net { .. }
            | Output::IdentityChanged { .. }
            | Output::Trusted { .. }
            | Output::Notify { .. }
            | Output::Ignored { .. }
            | Output::Nickname { .. }
            | Output::AutoAccept { .. }
            | Output::Ping { .. }
            | Output::Why { .. }
            | Output::Typing { .. }
            | Output::Settings { .. }
            | Output::Help { .. }
            | Output::Info { .. } => Vec::new(),
        }
    }

    /// Ends it from outside.
    pub fn end(&mut self, exit: Exit, complaint: Option<&str>) -> Vec<Act> {
        if matches!(self.phase, Phase::Over) {
            return Vec::new();
        }
        self.phase = Phase::Over;
        self.deadline = None;
        let complaint = complaint.map(|text| Act::Complain(text.to_owned()));
        complaint.into_iter().chain([Act::Exit(exit)]).collect()
    }

    /// Standard input, which is handed over, has ended.
    pub fn on_input_ended(&mut self) -> Vec<Act> {
        self.input_has_ended = true;
        self.tell_end()
    }

    /// Tells that what is handed over grows no more, as soon as it has a number.
    fn tell_end(&mut self) -> Vec<Act> {
        let Phase::Sending(sending) = &self.phase else { return Vec::new() };
        let ours = sending.ours.first_key_value().filter(|(_, state)| !is_over(state));
        let Some((id, _)) = ours.filter(|_| self.input_has_ended) else { return Vec::new() };
        let end = Act::Command(Command::LiveEnd { id: *id });
        self.input_has_ended = false;
        vec![end]
    }

    /// Whether an account is being deleted, after which nobody is logged in.
    #[must_use]
    pub const fn is_deleting(&self) -> bool {
        matches!(self.phase, Phase::Deleting)
    }

    /// The account is gone: by this task, or by an earlier one whose answer was lost, after which only
    /// what is here is left to be done.
    fn on_deleted(&mut self, user: &str, by_this: bool) -> Vec<Act> {
        let Task::DeleteAccount { .. } = &self.task else { return Vec::new() };
        if by_this {
            let deleted = Act::Result(format!("deleted {}", text::one_line(user)));
            return core::iter::once(deleted).chain(self.end(Exit::Done, None)).collect();
        }
        self.delete()
    }

    fn on_code_over(&mut self, user: Option<&str>, is_verified: bool) -> Vec<Act> {
        if !matches!(self.phase, Phase::Proving) {
            return Vec::new();
        }
        // Why not was shown.
        if !is_verified {
            return self.end(Exit::Unreachable, None);
        }
        let user = text::one_line(user.unwrap_or_default());
        let verified = Act::Result(format!("verified {user}"));
        core::iter::once(verified).chain(self.end(Exit::Done, None)).collect()
    }

    fn delete(&mut self) -> Vec<Act> {
        let Task::DeleteAccount { name, password } = &self.task else { return Vec::new() };
        let (name, password) = (name.clone(), password.clone());
        self.phase = Phase::Deleting;
        vec![Act::Command(Command::DeleteAccount { name, password })]
    }

    /// What needs no server begins when the data folder is open; the core lets it wait for a login
    /// as another account.
    fn begin_here(&mut self, now: Instant) -> Vec<Act> {
        match &self.task {
            Task::Message { until: Until::Kept, .. } => self.begin(now),
            Task::Export { with, path, format } => {
                let (with, path, format) = (with.clone(), path.clone(), *format);
                self.phase = Phase::Exporting;
                self.deadline = None;
                vec![Act::Command(Command::Export { with, path, format, film: None })]
            }
            Task::Message { until: Until::Delivered, .. }
            | Task::Send { .. }
            | Task::Live { .. }
            | Task::Receive { .. }
            | Task::DeleteAccount { .. }
            | Task::Code { .. }
            | Task::Fingerprint { .. } => Vec::new(),
        }
    }

    fn on_kept(&mut self, to: &str) -> Vec<Act> {
        match (&self.task, &self.phase) {
            (Task::Message { to: ours, until: Until::Kept, .. }, Phase::Messaging(_))
                if is_same(to, ours) =>
            {
                let kept = Act::Result("kept".to_owned());
                core::iter::once(kept).chain(self.end(Exit::Queued, None)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn on_export(&mut self, path: &str, lines: Option<u64>) -> Vec<Act> {
        if !matches!(self.phase, Phase::Exporting) {
            return Vec::new();
        }
        // Why not was shown.
        let exit = if lines.is_some() { Exit::Done } else { Exit::Failure };
        let result = lines.map(|_| Act::Result(text::one_line(path)));
        result.into_iter().chain(self.end(exit, None)).collect()
    }

    fn begin(&mut self, now: Instant) -> Vec<Act> {
        self.deadline = self.limit.map(|limit| now + limit);
        if let Task::Fingerprint { user } = &self.task {
            let user = user.clone();
            self.phase = Phase::Showing(if user.is_some() { 1 } else { 2 });
            return vec![Act::Command(Command::Fingerprint { user })];
        }
        if let Task::Code { typed } = &self.task {
            let typed = typed.clone();
            self.phase = Phase::Proving;
            return vec![Act::Command(Command::Code { typed })];
        }
        if matches!(self.task, Task::DeleteAccount { .. }) {
            return self.delete();
        }
        self.phase = Phase::AskingBlocked;
        vec![Act::Command(Command::Blocked)]
    }

    fn on_blocked(&mut self, blocked: &[String]) -> Vec<Act> {
        if !matches!(self.phase, Phase::AskingBlocked) {
            return Vec::new();
        }
        if let Task::Message { to, .. } | Task::Send { to, .. } | Task::Live { to, .. } = &self.task
            && blocked.iter().any(|user| is_same(user, to))
        {
            let text = format!("you block {}", text::excerpt(to, 40));
            return self.end(Exit::Blocked, Some(&text));
        }
        self.phase = Phase::Listing;
        vec![Act::Command(Command::Files { folder: None })]
    }

    fn on_files(&mut self, files: &[FileLine]) -> Vec<Act> {
        if matches!(self.phase, Phase::Listing) { self.start(files) } else { Vec::new() }
    }

    fn start(&mut self, files: &[FileLine]) -> Vec<Act> {
        match &self.task {
            Task::Message { to, text, .. } => {
                self.phase = Phase::Messaging(None);
                vec![Act::Command(Command::Message { to: to.clone(), text: text.clone() })]
            }
            Task::Live { to, path, name } => {
                let (to, path, name) = (to.clone(), path.clone(), name.clone());
                self.phase = Phase::Sending(Sending::new(files, 1));
                vec![Act::Command(Command::Live { to, path, name })]
            }
            Task::Send { to, paths } => {
                self.phase = Phase::Sending(Sending::new(files, paths.len()));
                vec![Act::Command(Command::Send { to: to.clone(), paths: paths.clone() })]
            }
            Task::Receive { from, .. } => {
                let is_wanted = |file: &&FileLine| {
                    file.direction == Direction::Receiving
                        && !is_over(file.state)
                        && from.as_ref().is_none_or(|from| is_same(&file.with, from))
                };
                let (offers, earlier): (Vec<_>, Vec<_>) =
                    files.iter().filter(is_wanted).partition(|file| file.state == "offered");
                let ids = |files: Vec<&FileLine>| files.iter().map(|file| file.id).collect();
                self.phase = Phase::Receiving(Receiving {
                    offers: ids(offers),
                    earlier: ids(earlier),
                    ..Receiving::default()
                });
                self.accept()
            }
            Task::Fingerprint { .. }
            | Task::Export { .. }
            | Task::DeleteAccount { .. }
            | Task::Code { .. } => Vec::new(),
        }
    }

    fn on_message_state(
        &mut self,
        to: &str,
        id: u64,
        state: &str,
        reason: Option<&str>,
    ) -> Vec<Act> {
        let (Task::Message { to: ours, .. }, Phase::Messaging(number)) =
            (&self.task, &mut self.phase)
        else {
            return Vec::new();
        };
        // Older messages may be on their way too: the newest number is this one's. That some were read is
        // told of older ones, too.
        let is_older = number.is_some_and(|number| id < number) || state == "read";
        if !is_same(to, ours) || is_older {
            return Vec::new();
        }
        *number = Some(id);
        match state {
            "delivered" => {
                let mut acts = vec![Act::Result("delivered".to_owned())];
                acts.extend(self.end(Exit::Done, None));
                acts
            }
            "failed" => {
                let reason = text::excerpt(reason.unwrap_or("no reason was given"), 200);
                self.end(Exit::Unreachable, Some(&format!("not delivered: {reason}")))
            }
            _ => Vec::new(),
        }
    }

    fn on_file(&mut self, file: &FileLine) -> Vec<Act> {
        // A folder is one thing, and says itself what became of its files.
        if file.folder.is_some() {
            return Vec::new();
        }
        match &mut self.phase {
            Phase::Sending(sending)
                if file.direction == Direction::Sending && !sending.old.contains(&file.id) =>
            {
                let mut acts = sending.on_file(file);
                acts.extend(self.tell_end());
                self.end_sending(acts)
            }
            Phase::Receiving(receiving) if file.direction == Direction::Receiving => {
                let acts = receiving.on_file(file);
                self.end_receiving(acts)
            }
            Phase::Sending(_)
            | Phase::Receiving(_)
            | Phase::LoggingIn
            | Phase::AskingBlocked
            | Phase::Listing
            | Phase::Messaging(_)
            | Phase::Showing(_)
            | Phase::Exporting
            | Phase::Deleting
            | Phase::Proving
            | Phase::Over => Vec::new(),
        }
    }

    fn end_sending(&mut self, mut acts: Vec<Act>) -> Vec<Act> {
        if let Phase::Sending(Sending { open: 0, worst, .. }) = self.phase {
            acts.extend(self.end(worst, None));
        }
        acts
    }

    fn end_receiving(&mut self, mut acts: Vec<Act>) -> Vec<Act> {
        if let (Task::Receive { count, .. }, Phase::Receiving(receiving)) =
            (&self.task, &self.phase)
            && *count > 0
            && receiving.complete >= *count
        {
            acts.extend(self.end(Exit::Done, None));
        } else {
            acts.extend(self.accept());
        }
        acts
    }

    fn on_offer(&mut self, id: u64, from: &str) -> Vec<Act> {
        let (Task::Receive { from: wanted, .. }, Phase::Receiving(receiving)) =
            (&self.task, &mut self.phase)
        else {
            return Vec::new();
        };
        if wanted.as_ref().is_none_or(|wanted| is_same(from, wanted)) {
            receiving.offers.insert(id);
        }
        self.accept()
    }

    /// Accepts as many offers as are still wanted.
    fn accept(&mut self) -> Vec<Act> {
        let (Task::Receive { count, .. }, Phase::Receiving(receiving)) =
            (&self.task, &mut self.phase)
        else {
            return Vec::new();
        };
        let mut acts = Vec::new();
        while (*count == 0 || *count > receiving.complete + receiving.active.len() as u64)
            && let Some(id) = receiving.offers.pop_first()
        {
            receiving.active.insert(id);
            acts.push(Act::Command(Command::Accept { which: Which::File(id) }));
        }
        acts
    }

    fn on_fingerprint(&mut self, output: &Output) -> Vec<Act> {
        let (
            Phase::Showing(left),
            Output::Fingerprint { of, fingerprint, safety_number, verified, .. },
        ) = (&mut self.phase, output)
        else {
            return Vec::new();
        };
        *left -= 1;
        let is_last = *left == 0;
        let of = text::excerpt(of, 40);
        let mut acts = vec![Act::Result(format!("{of} {}", text::excerpt(fingerprint, 80)))];
        if let Some(number) = safety_number {
            let state = if *verified == Some(true) { "verified" } else { "not verified" };
            let number = text::excerpt(number, 80);
            acts.push(Act::Result(format!("{of} safety number {number} ({state})")));
        }
        if is_last {
            acts.extend(self.end(Exit::Done, None));
        }
        acts
    }

    /// Something did not go as asked: before anything is on its way, that was the task.
    fn on_error(&mut self) -> Vec<Act> {
        match &self.phase {
            Phase::AskingBlocked | Phase::Listing => self.end(Exit::Failure, None),
            Phase::Deleting => self.end(Exit::LoginFailed, None),
            Phase::Showing(_) | Phase::Proving => self.end(Exit::Unreachable, None),
            // Every file is shown at once, unless all of them are refused together.
            Phase::Sending(sending) if sending.ours.is_empty() => self.end(Exit::Unreachable, None),
            Phase::LoggingIn
            | Phase::Messaging(_)
            | Phase::Sending(_)
            | Phase::Receiving(_)
            | Phase::Exporting
            | Phase::Over => Vec::new(),
        }
    }
}

impl Sending {
    /// `count` files are sent besides those that were there before.
    fn new(before: &[FileLine], count: usize) -> Self {
        let old = before.iter().map(|file| file.id).collect();
        Self { old, ours: BTreeMap::new(), open: count, worst: Exit::Done }
    }

    fn on_file(&mut self, file: &FileLine) -> Vec<Act> {
        if is_over(self.ours.get(&file.id).copied().unwrap_or_default()) {
            return Vec::new();
        }
        // A pause with a reason is the disk's: nobody is here to say when it goes on.
        let refused = file.reason.as_deref().filter(|_| file.state == "paused");
        self.ours.insert(file.id, if refused.is_some() { "failed" } else { file.state });
        if !is_over(file.state) && refused.is_none() {
            return Vec::new();
        }
        self.open = self.open.saturating_sub(1);
        let exit = match file.state {
            "complete" => Exit::Done,
            "cancelled" if file.reason.as_deref() == Some(NO_SUCH_USER) => Exit::Unreachable,
            "declined" | "cancelled" => Exit::Declined,
            _ => Exit::Failure,
        };
        self.worst = self.worst.max(exit);
        vec![Act::Result(format!("{} {}", file.state, text::one_line(&file.name)))]
    }
}

impl Receiving {
    fn on_file(&mut self, file: &FileLine) -> Vec<Act> {
        if !is_over(file.state) {
            // Accepted by itself, as --auto-accept says.
            if file.state != "offered" && self.offers.remove(&file.id) {
                self.active.insert(file.id);
            }
            return Vec::new();
        }
        let sets = [&mut self.active, &mut self.offers, &mut self.earlier];
        let was_ours = sets.into_iter().any(|set| set.remove(&file.id));
        if file.state != "complete" || !was_ours {
            return Vec::new();
        }
        self.complete += 1;
        let path = file.path.as_deref().unwrap_or(&file.name);
        vec![Act::Result(text::one_line(path))]
    }
}

/// Nothing flows; the other side is not there or has not answered.
fn is_waiting(state: &str) -> bool {
    is_over(state) || matches!(state, "offered" | "waiting" | "paused")
}

/// Whether two spellings are of one name.
fn is_same(one: &str, other: &str) -> bool {
    one == other || Name::new(one).is_ok_and(|one| Name::new(other) == Ok(one))
}

#[cfg(test)]
mod tests;
