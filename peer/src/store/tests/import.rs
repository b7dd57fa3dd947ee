//! Accounts from files.

use super::*;
use crate::backup::{Backup, Verified};

fn backup(verified: Vec<Verified>) -> StoreRequest {
    let backup = Backup {
        name: name("alice"),
        address: "localhost:5000".to_owned(),
        server: SERVER,
        identity_secret: Secret::new([1; 32]),
        generation: 7,
        verified,
    };
    StoreRequest::Import { backup: Box::new(backup), installation: installation(3) }
}

/// The profile that was there before goes on; its contacts are verified where their keys agree.
#[test]
fn an_imported_account_goes_on_with_the_profile_that_is_there() {
    let mut database = fresh();
    queue(&mut database, "bob", "hello");
    for (who, byte) in [("bob", 8), ("carol", 9)] {
        let contact =
            Contact { identity: Some(IdentityKey([byte; 32])), ..Contact::new(name(who)) };
        done(&mut database, StoreRequest::SaveContact(contact));
    }
    let verified = |who: &str, byte| Verified {
        name: name(who),
        identity: IdentityKey([byte; 32]),
        generation: 5,
    };
    let of_all = || vec![verified("bob", 8), verified("carol", 66), verified("dave", 10)];
    let error = one(&mut database, backup(of_all())).unwrap_err();
    assert!(error.0.contains("alice is kept here: '/logout' first"), "{error}");
    done(&mut database, StoreRequest::SaveAccount(None));
    let key = PublicKey([55; 32]);
    let address = "localhost:5000".to_owned();
    done(&mut database, StoreRequest::PinServer { address, key });
    let Ok(StoreReply::Imported(imported)) = one(&mut database, backup(of_all())) else { panic!() };
    assert_eq!(imported, Imported { is_other_server: true, other_keys: vec![name("carol")] });

    let profile = load(&mut database, None);
    assert_eq!(profile.outbox.len(), 1);
    assert_eq!(profile.servers[0].key, key, "what was pinned stays");
    let kept = profile.installation.unwrap();
    assert_eq!(kept.device.private(), installation(1).device.private(), "numbers count on");
    let account = profile.account.unwrap();
    let identity = Identity::from_secret(&[1; 32]).public();
    assert!(account.certificate.is_signed_by(identity, "alice"));
    assert_eq!(account.certificate.device, kept.device.public());
    assert_eq!(account.certificate.generation, 7 + (1 << 20));
    let contacts: Vec<_> = profile
        .contacts
        .iter()
        .map(|it| (it.name.as_str(), it.identity.unwrap().0[0], it.generation, it.verified))
        .collect();
    let expected = [("bob", 8, 5, true), ("carol", 9, 0, false), ("dave", 10, 5, true)];
    assert_eq!(contacts, expected);
}

/// Keys that are nowhere else are not replaced by others of the file, and stay such.
#[test]
fn an_import_spares_the_only_copy_of_other_keys() {
    for (byte, is_same) in [(1, true), (2, false)] {
        let mut database = Database::open_in_memory().unwrap();
        log_in(&mut database, "alice", byte);
        keys_are_only_here(&mut database);
        log_in(&mut database, "bob", 3);
        done(&mut database, StoreRequest::SaveAccount(None));
        let imported = one(&mut database, backup(Vec::new()));
        let kept = load(&mut database, Some(account_id("alice"))).account.unwrap();
        assert_eq!((*kept.identity_secret.expose(), kept.keys), ([byte; 32], Keys::OnlyHere));
        match imported {
            Ok(StoreReply::Imported(_)) if is_same => {}
            Err(error) if !is_same => assert!(error.0.contains("nowhere else"), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
