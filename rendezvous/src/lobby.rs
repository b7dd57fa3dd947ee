//! The lobby: whoever logs in is in it, and when it is full those make way who are not there [W-165]. The
//! store knows its members, this side who is online; so a full lobby takes a second question.

use rand_core::RngCore;
use wire::app::name::Name;
use wire::app::room::{RoomId, RoomRefusal};
use wire::app::server::{Refusal, Response};
use wire::time::Instant;

use crate::cross::ToUser;
use crate::limits::whole_seconds;
use crate::rooms::Lobby;
use crate::server::{Job, Server};
use crate::store::StoreRequest;

impl Server {
    /// Whoever logs in is in the lobby, if there is one and he has not left it.
    pub(crate) fn enter_lobby(&mut self, name: &Name) {
        self.ask_for_place(name.clone(), Vec::new());
    }

    fn ask_for_place(&mut self, name: Name, absent: Vec<Name>) {
        let Lobby::Open { places } = self.policy.lobby else { return };
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        let request = StoreRequest::EnterLobby { name, id: RoomId(id), places, absent };
        self.store.background(request);
    }

    /// The lobby has no room for a user: somebody who is not online makes way. When there is nobody, or this
    /// user has had it so too often, he is told; `job` is his own request, if this follows from one.
    pub(crate) fn on_lobby_full(
        &mut self,
        now: Instant,
        user: Name,
        members: Vec<Name>,
        job: Option<Job>,
    ) {
        let absent: Vec<Name> =
            members.into_iter().filter(|member| self.presence.of(member).is_none()).collect();
        let refusal = if absent.is_empty() {
            Err(Refusal::Room(RoomRefusal::Full))
        } else {
            // All who are in it hear of each.
            let allowed = self.lobby_places.take(now, &user);
            allowed.map_err(|wait| Refusal::TooManyRequests { seconds: whole_seconds(wait) })
        };
        match (refusal, job) {
            (Ok(()), None) => self.ask_for_place(user, absent),
            (Ok(()), Some(job)) => {
                let places = self.policy.lobby.places();
                let request = StoreRequest::JoinLobby { by: user, places, absent };
                self.store.submit(request, Some(job));
            }
            (Err(_), None) => self.tell(&user, ToUser::LobbyFull),
            (Err(refusal), Some(job)) => {
                self.answer(job.handle, job.request, Response::Refused(refusal));
            }
        }
    }
}
