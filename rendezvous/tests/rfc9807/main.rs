//! The test vectors of RFC 9807 through the group, hash and key exchange of our suite, with the
//! Identity key stretching that the vectors use.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::collections::{BTreeMap, VecDeque};

use opaque_ke::ksf::Identity;
use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, Identifiers, ServerLogin, ServerLoginParameters,
    ServerRegistration, ServerSetup,
};
use rand_core::{CryptoRng, RngCore};

/// Our suite in everything but the stretching.
struct Unstretched;

impl CipherSuite for Unstretched {
    type OprfCs = <wire::app::login::Suite as CipherSuite>::OprfCs;
    type KeyExchange = <wire::app::login::Suite as CipherSuite>::KeyExchange;
    type Ksf = Identity;
}

type Vector = BTreeMap<String, Vec<u8>>;

/// Gives out what the vector says is drawn, in the order in which it is drawn.
struct Scripted(VecDeque<Vec<u8>>);

impl Scripted {
    fn new(drawn: &[&[u8]]) -> Self {
        Self(drawn.iter().map(|bytes| bytes.to_vec()).collect())
    }
}

impl RngCore for Scripted {
    fn next_u32(&mut self) -> u32 {
        unimplemented!("only bytes are drawn")
    }

    fn next_u64(&mut self) -> u64 {
        unimplemented!("only bytes are drawn")
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.pop_front().expect("more is drawn than the vector has"));
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Scripted {}

fn vectors() -> Vec<Vector> {
    let mut values: Vec<(String, String)> = Vec::new();
    for line in include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(": ") {
            Some((name, digits)) => values.push((name.to_owned(), digits.to_owned())),
            None => values.last_mut().into_iter().for_each(|(_, digits)| digits.push_str(line)),
        }
    }
    let mut vectors: Vec<Vector> = Vec::new();
    for (name, digits) in values {
        if name == "vector" {
            vectors.push(vectors.last().cloned().unwrap_or_default());
        }
        let pairs: Vec<char> = digits.chars().collect();
        let bytes = pairs
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
            .collect();
        vectors.last_mut().unwrap().insert(name, bytes);
    }
    vectors
}

/// A scalar as the 64 bytes from which the library reduces it.
fn wide(scalar: &[u8]) -> Vec<u8> {
    [scalar, &[0; 32]].concat()
}

fn identifiers(vector: &Vector) -> Identifiers<'_> {
    Identifiers {
        client: vector.get("client_identity").map(Vec::as_slice),
        server: vector.get("server_identity").map(Vec::as_slice),
    }
}

fn setup(vector: &Vector) -> ServerSetup<Unstretched> {
    // The last part is the key of the fake record, which no vector here uses.
    let bytes =
        [&vector["oprf_seed"][..], &vector["server_private_key"], &vector["server_public_key"]];
    let setup = ServerSetup::deserialize(&bytes.concat()).unwrap();
    assert_eq!(setup.keypair().public().serialize()[..], vector["server_public_key"]);
    setup
}

fn register(vector: &Vector, setup: &ServerSetup<Unstretched>) -> ServerRegistration<Unstretched> {
    let password = &vector["password"];
    let mut rng = Scripted::new(&[&wide(&vector["blind_registration"])]);
    let start = ClientRegistration::<Unstretched>::start(&mut rng, password).unwrap();
    assert_eq!(start.message.serialize()[..], vector["registration_request"]);
    let response =
        ServerRegistration::start(setup, start.message, &vector["credential_identifier"]).unwrap();
    assert_eq!(response.message.serialize()[..], vector["registration_response"]);
    let mut rng = Scripted::new(&[&vector["envelope_nonce"]]);
    let parameters = ClientRegistrationFinishParameters::new(identifiers(vector), None);
    let finish = start.state.finish(&mut rng, password, response.message, parameters).unwrap();
    assert_eq!(finish.message.serialize()[..], vector["registration_upload"]);
    assert_eq!(finish.export_key[..], vector["export_key"]);
    ServerRegistration::finish(finish.message)
}

fn log_in(
    vector: &Vector,
    setup: &ServerSetup<Unstretched>,
    record: ServerRegistration<Unstretched>,
) {
    let password = &vector["password"];
    let context = &vector["context"];
    let mut rng = Scripted::new(&[
        &wide(&vector["blind_login"]),
        &vector["client_keyshare_seed"],
        &vector["client_nonce"],
    ]);
    let start = ClientLogin::<Unstretched>::start(&mut rng, password).unwrap();
    assert_eq!(start.message.serialize()[..], vector["KE1"]);
    // First the masking key of a fake record, drawn whether or not it is needed.
    let mut rng = Scripted::new(&[
        &[0; 64],
        &vector["masking_nonce"],
        &vector["server_keyshare_seed"],
        &vector["server_nonce"],
    ]);
    let parameters =
        || ServerLoginParameters { context: Some(context), identifiers: identifiers(vector) };
    let identifier = &vector["credential_identifier"];
    let answer =
        ServerLogin::start(&mut rng, setup, Some(record), start.message, identifier, parameters())
            .unwrap();
    assert_eq!(answer.message.serialize()[..], vector["KE2"]);
    let finish_parameters =
        ClientLoginFinishParameters::new(Some(context), identifiers(vector), None);
    let mut rng = Scripted::new(&[]);
    let finish = start.state.finish(&mut rng, password, answer.message, finish_parameters).unwrap();
    assert_eq!(finish.message.serialize()[..], vector["KE3"]);
    assert_eq!(finish.session_key[..], vector["session_key"]);
    assert_eq!(finish.export_key[..], vector["export_key"]);
    let server = answer.state.finish(finish.message, parameters()).unwrap();
    assert_eq!(server.session_key[..], vector["session_key"]);
}

/// Security acceptance C01.
#[test]
fn real_vectors_of_ristretto255() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 2);
    for vector in &vectors {
        let setup = setup(vector);
        let record = register(vector, &setup);
        log_in(vector, &setup, record);
    }
}
