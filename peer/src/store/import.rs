//! An account from a file that was written elsewhere.

use rusqlite::Connection;
use wire::app::identity::Identity;
use wire::app::name::Name;

use super::profile::{contacts, keys, logged_in, pin_server, save_account, save_contact, servers};
use super::{Answer, Open, failed, profile};
use crate::backup::{Backup, Verified};
use crate::work::{
    Account, AccountId, Contact, Imported, Installation, Keys, Standing, StoreError, StoreReply,
};

/// Devices that were added since the file was written look older to others than this one by so
/// much, and no more often than that can anybody have logged in.
const AHEAD: u64 = 1 << 20;

/// Makes the account of the file the one that is kept here, in its profile, which may be there
/// already.
pub(super) fn import(
    connection: &Connection,
    open: &mut Option<Open>,
    backup: &Backup,
    installation: &Installation,
) -> Answer {
    if let Some(other) = logged_in(connection).map_err(failed)? {
        return Err(StoreError(format!(
            "the account {name} is kept here: '/logout' first, which erases its keys on this machine",
            name = other.account.name
        )));
    }
    let id = AccountId { server: backup.server, name: backup.name.clone() };
    let mut opened = Some(profile::find(connection, id).map_err(failed)?);
    if super::row(opened.as_ref()).is_err() {
        profile::save_installation(connection, &mut opened, installation)?;
    }
    let row = super::row(opened.as_ref())?;
    let (kept, secrets) = keys(connection, row).map_err(failed)?;
    if secrets.as_ref().is_some_and(|kept| kept.is_only_copy_beside(&backup.identity_secret)) {
        return Err(StoreError(format!(
            "other keys of {name} are kept here, and nowhere else: '/login {name}', and then \
             '/account export FILE' and '/logout'",
            name = backup.name
        )));
    }
    let identity = Identity::from_secret(backup.identity_secret.expose());
    let generation = backup.generation.saturating_add(AHEAD);
    let account = Account {
        name: backup.name.clone(),
        server: backup.server,
        identity_secret: backup.identity_secret.clone(),
        certificate: identity.certify(backup.name.as_str(), kept.device.public(), generation),
        // Whether the server has them too, the next login shows.
        keys: secrets.map_or(Keys::Sealed, |kept| kept.keys()),
    };
    save_account(connection, opened.as_ref(), Some(&account))?;
    let other_keys = merge(connection, row, &backup.verified)?;
    let servers = servers(connection).map_err(failed)?;
    let pinned = servers.iter().find(|server| server.address == backup.address);
    let is_other_server = pinned.is_some_and(|server| server.key != backup.server);
    if pinned.is_none() {
        pin_server(connection, &backup.address, backup.server)?;
    }
    *open = opened;
    Ok(StoreReply::Imported(Imported { is_other_server, other_keys }))
}

/// Users verified elsewhere are verified here, unless another key is known of them here: who
/// those are.
fn merge(
    connection: &Connection,
    row: i64,
    verified: &[Verified],
) -> Result<Vec<Name>, StoreError> {
    let known = contacts(connection, row).map_err(failed)?;
    let mut other_keys = Vec::new();
    for Verified { name, identity, generation } in verified {
        let found = known.iter().find(|contact| contact.name == *name);
        let mut contact = found.cloned().unwrap_or_else(|| Contact::new(name.clone()));
        if contact.identity.is_some_and(|known| known != *identity) {
            other_keys.push(name.clone());
            continue;
        }
        contact.identity = Some(*identity);
        contact.generation = contact.generation.max(*generation);
        contact.verified = true;
        contact.standing = Standing::Contact;
        save_contact(connection, row, &contact)?;
    }
    Ok(other_keys)
}
