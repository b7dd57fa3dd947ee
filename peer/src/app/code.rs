//! `/code`: somebody is added and his key verified by a number and two words that are said aloud.
//!
//! ```text
//!   maker   open ── the server names who typed it ──► named ── Start ──► answered ── Prove ──► kept
//!   typist  asking ── the server names the maker ──► waiting ── link ──► started ── Answer ──► proven
//! ```
//!
//! [W-09] A code is good for one run, right or wrong. What a link loses is said again on the next one,
//! word for word, and only to the identity with which the run began: so it stays one guess.

use std::collections::BTreeMap;

use wire::Deadline;
use wire::app::code::{Answer, Code, Ends, SHARE, Typist};
use wire::app::identity::{IdentityKey, fingerprint};
use wire::app::name::Name;
use wire::app::peer::{CodeStep, Control};
use wire::app::server::{Refusal, Request};
use wire::time::{Duration, Instant};

use super::App;
use super::requests::Asked;
use crate::output::Output;
use crate::work::Contact;

/// How long a run may take, once both are named.
const RUN_WITHIN: Duration = Duration::from_secs(120);
/// What to do when the words did not fit.
const AGAIN: &str = "make a new code; if that fails too, somebody may be between you: compare by \
                     /fingerprint";

/// The codes of this session.
#[derive(Debug, Default)]
pub(super) struct Codes {
    made: BTreeMap<u32, Made>,
    typed: Option<Typed>,
}

/// A code that was made here.
#[derive(Debug)]
struct Made {
    code: Code,
    until: Instant,
    step: MadeStep,
}

#[derive(Debug)]
enum MadeStep {
    /// Nobody has typed it.
    Open,
    /// This user has, says the server.
    Named(Name),
    /// He was answered.
    Answered { by: Name, identity: IdentityKey, start: Vec<u8>, answer: Box<Answer> },
    /// His key is kept; he may not know it.
    Kept(Name),
}

/// The code that was typed here.
#[derive(Debug)]
struct Typed {
    code: Code,
    until: Instant,
    step: TypedStep,
}

#[derive(Debug)]
enum TypedStep {
    /// The server is asked whose it is.
    Asking,
    /// It is this user's.
    Waiting(Name),
    /// He was asked, over a link that shows this identity.
    Started { maker: Name, identity: IdentityKey, run: Box<Typist> },
    /// His key is kept; he may not know mine.
    Proven { maker: Name, identity: IdentityKey, proof: [u8; 32] },
}

impl Codes {
    /// With whom a link is needed.
    pub(super) fn wants_link(&self) -> Option<Name> {
        match &self.typed.as_ref()?.step {
            TypedStep::Asking => None,
            TypedStep::Waiting(maker)
            | TypedStep::Started { maker, .. }
            | TypedStep::Proven { maker, .. } => Some(maker.clone()),
        }
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let ends = self.made.values().map(|made| made.until);
        let at = ends.chain(self.typed.as_ref().map(|typed| typed.until)).min()?;
        Some(Deadline { at, timer: "codes" })
    }
}

impl App {
    /// `/code`: a new one.
    pub(super) fn make_code(&mut self, now: Instant) {
        self.ask_for_person(now, Asked::MakeCode, Request::MakeCode);
    }

    pub(super) fn on_code(&mut self, now: Instant, number: u32, seconds: u32) {
        let code = Code::draw(number, &mut self.rng);
        let until = now + Duration::from_secs(u64::from(seconds.clamp(1, 3600)));
        self.tell(Output::Code { code: code.text(), seconds });
        self.codes.made.insert(number, Made { code, until, step: MadeStep::Open });
    }

    /// `/code 412-velvet-otter`.
    pub(super) fn type_code(&mut self, now: Instant, typed: &str) {
        let code = match Code::parse(typed) {
            Ok(code) => code,
            Err(error) => return self.error(&format!("Not done: {error}.")),
        };
        let number = code.number();
        if self.codes.typed.is_some() {
            return self.error("Not done: another code is being proven; wait until that is over.");
        }
        if self.codes.made.contains_key(&number) {
            return self.error(OWN_CODE);
        }
        if !self.server.is_logged_in() {
            let why = self.server.why_not();
            return self.error(&format!("Not done: {why}."));
        }
        let until = now + RUN_WITHIN;
        self.codes.typed = Some(Typed { code, until, step: TypedStep::Asking });
        self.ask_for_person(now, Asked::UseCode, Request::UseCode(number));
    }

    pub(super) fn on_code_refused(&mut self, refusal: &Refusal) {
        let Some(typed) = self.codes.typed.take() else { return };
        if *refusal == Refusal::Yourself {
            return self.error(OWN_CODE);
        }
        let why = if *refusal == Refusal::UnknownCode {
            "there is none of this number (any more): whoever has made it can make a new one"
                .to_owned()
        } else {
            refusal.to_string()
        };
        self.code_over(typed.code.number(), None, &why);
    }

    /// The server says whose code was typed.
    pub(super) fn on_code_of(&mut self, now: Instant, maker: Name) {
        let Some(typed) = &mut self.codes.typed else { return };
        typed.step = TypedStep::Waiting(maker.clone());
        let number = typed.code.number();
        if self.is_held(&maker) {
            self.codes.typed = None;
            let why = format!(
                "{maker} shows another key than the one that you verified: '/fingerprint {maker}' first"
            );
            return self.code_over(number, Some(&maker), &why);
        }
        self.info(&format!(
            "The code {number} is {maker}'s: it is proven as soon as you are linked."
        ));
        self.links.came_online(&maker);
        self.go_on_with_code(now, &maker);
    }

    /// The server says who has typed a code that was made here: only he may prove it.
    pub(super) fn on_code_used(&mut self, now: Instant, number: u32, by: Name) {
        let Some(made) = self.codes.made.get_mut(&number) else { return };
        if matches!(made.step, MadeStep::Open) {
            made.step = MadeStep::Named(by.clone());
            made.until = now + RUN_WITHIN;
            self.info(&format!("{by} has typed the code {number}: it is being proven."));
        }
    }

    /// A link is up: what was said on the one before may be lost.
    pub(super) fn go_on_with_code(&mut self, now: Instant, user: &Name) {
        let Some(shown) = self.links.up(user).map(|up| up.identity) else { return };
        let Some(typed) = &self.codes.typed else { return };
        let number = typed.code.number();
        let step = match &typed.step {
            TypedStep::Waiting(maker) if maker == user => {
                let Some(ends) = self.ends(maker, shown, Role::Typist) else { return };
                let code = typed.code.clone();
                let run = Typist::begin(&code, &ends, &mut self.rng);
                let message = run.start().to_vec();
                let (maker, run) = (user.clone(), Box::new(run));
                if let Some(typed) = &mut self.codes.typed {
                    typed.step = TypedStep::Started { maker, identity: shown, run };
                }
                CodeStep::Start { number, message }
            }
            TypedStep::Started { maker, identity, run } if maker == user && *identity == shown => {
                CodeStep::Start { number, message: run.start().to_vec() }
            }
            TypedStep::Proven { maker, identity, proof } if maker == user && *identity == shown => {
                CodeStep::Prove { number, proof: *proof }
            }
            TypedStep::Asking
            | TypedStep::Waiting(_)
            | TypedStep::Started { .. }
            | TypedStep::Proven { .. } => return,
        };
        self.send_control(now, user, &Control::Code(step));
    }

    /// Something about a code over a link.
    pub(super) fn on_code_step(&mut self, now: Instant, user: &Name, step: CodeStep) {
        let Some(identity) = self.links.up(user).map(|up| up.identity) else { return };
        let reply = match step {
            CodeStep::Start { number, message } => {
                Some(self.answer_code(user, identity, number, message))
            }
            CodeStep::Prove { number, proof } => {
                Some(self.on_code_proven(now, user, identity, number, &proof))
            }
            CodeStep::Answer { number, message, proof } => {
                self.on_code_answer(now, user, identity, (number, &message, &proof))
            }
            CodeStep::Kept { number } => {
                if self.is_typed(number, user, identity)
                    && matches!(
                        &self.codes.typed,
                        Some(Typed { step: TypedStep::Proven { .. }, .. })
                    )
                {
                    self.codes.typed = None;
                }
                None
            }
            CodeStep::Over { number } => {
                self.on_code_given_up(number, user, identity);
                None
            }
        };
        if let Some(reply) = reply {
            self.send_control(now, user, &Control::Code(reply));
        }
    }

    /// The typist begins. Whoever was not named gets what is said of a code that is not there.
    fn answer_code(
        &mut self,
        user: &Name,
        identity: IdentityKey,
        number: u32,
        message: Vec<u8>,
    ) -> CodeStep {
        let over = CodeStep::Over { number };
        let Some(made) = self.codes.made.get(&number) else { return over };
        match &made.step {
            MadeStep::Named(by) if by == user => {}
            MadeStep::Answered { by, identity: first, start, answer }
                if by == user && *first == identity && *start == message =>
            {
                let (message, proof) = (answer.share.clone(), answer.proof);
                return CodeStep::Answer { number, message, proof };
            }
            // A second guess.
            MadeStep::Answered { by, .. } if by == user => {
                self.codes.made.remove(&number);
                self.code_over(
                    number,
                    Some(user),
                    &format!("the words were not the same: {AGAIN}"),
                );
                return over;
            }
            MadeStep::Open | MadeStep::Named(_) | MadeStep::Answered { .. } | MadeStep::Kept(_) => {
                return over;
            }
        }
        let Some(ends) = self.ends(user, identity, Role::Maker) else { return over };
        let code = made.code.clone();
        let fits = message.len() == SHARE;
        let answer = fits.then(|| Answer::to(&code, &ends, &message, &mut self.rng)).flatten();
        let Some(answer) = answer else {
            self.codes.made.remove(&number);
            self.code_over(number, Some(user), &format!("what came makes no sense: {AGAIN}"));
            return over;
        };
        let (share, proof) = (answer.share.clone(), answer.proof);
        if let Some(made) = self.codes.made.get_mut(&number) {
            let (by, answer) = (user.clone(), Box::new(answer));
            made.step = MadeStep::Answered { by, identity, start: message, answer };
        }
        CodeStep::Answer { number, message: share, proof }
    }

    /// The typist proves that he has the words.
    fn on_code_proven(
        &mut self,
        now: Instant,
        user: &Name,
        identity: IdentityKey,
        number: u32,
        proof: &[u8; 32],
    ) -> CodeStep {
        let over = CodeStep::Over { number };
        let Some(made) = self.codes.made.get_mut(&number) else { return over };
        let is_proven = match &made.step {
            MadeStep::Kept(by) if by == user => return CodeStep::Kept { number },
            MadeStep::Answered { by, identity: first, answer, .. } if by == user => {
                *first == identity && answer.is_proven_by(proof)
            }
            MadeStep::Open | MadeStep::Named(_) | MadeStep::Answered { .. } | MadeStep::Kept(_) => {
                return over;
            }
        };
        if !is_proven {
            self.codes.made.remove(&number);
            self.code_over(number, Some(user), &format!("the words were not the same: {AGAIN}"));
            return over;
        }
        made.step = MadeStep::Kept(user.clone());
        self.keep_by_code(now, number, user, identity);
        CodeStep::Kept { number }
    }

    /// The maker answers.
    fn on_code_answer(
        &mut self,
        now: Instant,
        user: &Name,
        identity: IdentityKey,
        (number, message, proof): (u32, &[u8], &[u8; 32]),
    ) -> Option<CodeStep> {
        if !self.is_typed(number, user, identity) {
            return Some(CodeStep::Over { number });
        }
        let Typed { code, until, step } = self.codes.typed.take()?;
        let TypedStep::Started { maker, run, .. } = step else {
            // Said once more, because the link was lost: so is what follows.
            let again = match &step {
                TypedStep::Proven { proof, .. } => Some(CodeStep::Prove { number, proof: *proof }),
                TypedStep::Asking | TypedStep::Waiting(_) | TypedStep::Started { .. } => None,
            };
            self.codes.typed = Some(Typed { code, until, step });
            return again;
        };
        let Some(proof) = run.finish(message, proof) else {
            self.code_over(number, Some(user), &format!("the words were not the same: {AGAIN}"));
            return Some(CodeStep::Over { number });
        };
        let step = TypedStep::Proven { maker, identity, proof };
        self.codes.typed = Some(Typed { code, until, step });
        self.keep_by_code(now, number, user, identity);
        Some(CodeStep::Prove { number, proof })
    }

    /// The other side has given the run up.
    fn on_code_given_up(&mut self, number: u32, user: &Name, identity: IdentityKey) {
        let made = match self.codes.made.get(&number).map(|made| &made.step) {
            Some(MadeStep::Named(by) | MadeStep::Answered { by, .. }) => by == user,
            Some(MadeStep::Open | MadeStep::Kept(_)) | None => false,
        };
        if made {
            self.codes.made.remove(&number);
            self.code_over(number, Some(user), &format!("the words were not the same: {AGAIN}"));
        } else if self.is_typed(number, user, identity) {
            let typed = self.codes.typed.take();
            let was_proven = matches!(typed, Some(Typed { step: TypedStep::Proven { .. }, .. }));
            let why = if was_proven {
                format!("{user} has not kept your key: let {user} type a code of yours")
            } else {
                format!("the words were not the same, or it is over: {AGAIN}")
            };
            self.code_over(number, Some(user), &why);
        }
    }

    /// Whether this code is being proven with this user, who shows the same key as when it began.
    fn is_typed(&self, number: u32, user: &Name, shown: IdentityKey) -> bool {
        let Some(typed) = self.codes.typed.as_ref().filter(|it| it.code.number() == number) else {
            return false;
        };
        match &typed.step {
            TypedStep::Asking => false,
            TypedStep::Waiting(maker) => maker == user,
            TypedStep::Started { maker, identity, .. }
            | TypedStep::Proven { maker, identity, .. } => maker == user && *identity == shown,
        }
    }

    /// Both have the same words, so this identity is the other one's.
    fn keep_by_code(&mut self, now: Instant, number: u32, user: &Name, identity: IdentityKey) {
        if self.contact(user).and_then(Contact::current) != Some(identity) {
            let why = "the key has changed meanwhile: compare by /fingerprint";
            return self.code_over(number, Some(user), why);
        }
        self.keep_verified(now, user, identity);
        // Who has told, or typed, a code wants to be talked to.
        self.befriend(user);
        self.tell(Output::CodeOver {
            number,
            user: Some(user.to_string()),
            fingerprint: Some(fingerprint(&identity.0)),
            reason: None,
        });
    }

    fn code_over(&mut self, number: u32, user: Option<&Name>, why: &str) {
        self.tell(Output::CodeOver {
            number,
            user: user.map(Name::to_string),
            fingerprint: None,
            reason: Some(why.to_owned()),
        });
    }

    /// Codes that nobody has typed are over with the session in which they were made.
    pub(super) fn codes_lost_server(&mut self) {
        let lost: Vec<u32> = self
            .codes
            .made
            .iter()
            .filter(|(_, made)| matches!(made.step, MadeStep::Open))
            .map(|(number, _)| *number)
            .collect();
        for number in lost {
            self.codes.made.remove(&number);
            self.code_over(number, None, "the server was lost: make a new code");
        }
        let asking = matches!(self.codes.typed, Some(Typed { step: TypedStep::Asking, .. }));
        if let Some(typed) = self.codes.typed.take_if(|_| asking) {
            let why = "the server was lost before it answered: ask for a new code";
            self.code_over(typed.code.number(), None, why);
        }
    }

    pub(super) fn codes_timeout(&mut self, now: Instant) {
        let due = |made: &Made| made.until <= now;
        let over: Vec<u32> =
            self.codes.made.iter().filter(|(_, it)| due(it)).map(|(number, _)| *number).collect();
        for number in over {
            let Some(made) = self.codes.made.remove(&number) else { continue };
            match made.step {
                MadeStep::Open => {
                    self.code_over(number, None, "nobody has typed it in time: make a new code");
                }
                MadeStep::Named(by) | MadeStep::Answered { by, .. } => {
                    let why = "you were not linked long enough to prove it: make a new code";
                    self.code_over(number, Some(&by), why);
                }
                MadeStep::Kept(_) => {}
            }
        }
        let Some(typed) = self.codes.typed.take_if(|typed| typed.until <= now) else { return };
        let number = typed.code.number();
        match typed.step {
            TypedStep::Asking => self.code_over(number, None, "the server does not answer"),
            TypedStep::Waiting(maker) | TypedStep::Started { maker, .. } => {
                let why = "you were not linked long enough to prove it: ask for a new code";
                self.code_over(number, Some(&maker), why);
            }
            TypedStep::Proven { maker, .. } => self.info(&format!(
                "{maker} is verified here. Whether {maker} has kept your key too is not known: the link \
                 was lost before."
            )),
        }
    }

    /// Both ends as this side knows them.
    fn ends(&self, other: &Name, shown: IdentityKey, own_role: Role) -> Option<Ends> {
        let own = self.own_identity()?;
        let (other, server) = ((other.clone(), shown), self.account()?.server);
        Some(match own_role {
            Role::Maker => Ends { maker: own, typist: other, server },
            Role::Typist => Ends { maker: other, typist: own, server },
        })
    }
}

const OWN_CODE: &str =
    "Not done: that is a code of your own. Say it to the one whom you want to add.";

#[derive(Clone, Copy, Debug)]
enum Role {
    Maker,
    Typist,
}
