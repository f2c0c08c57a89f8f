//! Lease tokens: a number that cannot be guessed and is stored nowhere.
//!
//! A token is the lease's number, a part of a keyed hash of it, and another part of that, over which lies a
//! keyed hash of the thing. Who has the path must be right about all; who has the token alone is known by
//! the first. The other part hides the thing's hash: it is another one for each number, and told once.

use std::num::NonZeroU64;

use awaitd_primitives::{Kind, LeaseId, LeaseRef, Name, Thing};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const NUMBER: usize = 8;
const NUMBER_HASH: usize = 16;
const THING_HASH: usize = 8;
const BYTES: usize = NUMBER + NUMBER_HASH + THING_HASH;
/// Of the text: 32 bytes in base64 without padding.
const CHARS: usize = 43;

/// What may be held by a lease.
const LEASED: [Kind; 3] = [Kind::Queue, Kind::Lock, Kind::Semaphore];

/// Makes and knows the tokens of one server.
pub(super) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    /// With this key: tokens that were made by another one mean nothing.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Those of the leases of one thing.
    pub(super) fn of<'a>(&'a self, thing: &Thing) -> Leases<'a> {
        let path = ["/v1/", thing.kinds(), "/", thing.name().as_str(), "/leases/"].concat();
        // No number is hashed as that many bytes.
        let hash = blake3::keyed_hash(&self.key, path.as_bytes());
        Leases { tokens: self, path, hash: *hash.as_bytes().first_chunk().expect("it is longer") }
    }

    /// The path of a lease, its `Location`.
    pub(super) fn path(&self, lease: LeaseId, thing: &Thing) -> String {
        self.of(thing).path(lease)
    }

    /// The lease that a token in the path of a thing names, if it is one of this thing's.
    pub(super) fn in_path(&self, token: &str, thing: Thing) -> Option<LeaseRef> {
        let id = self.of(&thing).by_token(token)?;
        Some(LeaseRef { id, thing: Some(thing) })
    }

    /// The lease that a token, or the whole path of a lease, names.
    pub(super) fn anywhere(&self, text: &str) -> Option<LeaseRef> {
        if text.starts_with('/') {
            let (thing, token) = split_path(text)?;
            return self.in_path(token, thing);
        }
        let given = decode(text)?;
        let id = number(&given)?;
        let proof = &given[NUMBER..NUMBER + NUMBER_HASH];
        same(proof, &self.hash(id)[..NUMBER_HASH]).then_some(LeaseRef { id, thing: None })
    }

    fn hash(&self, lease: LeaseId) -> [u8; NUMBER_HASH + THING_HASH] {
        let hash = blake3::keyed_hash(&self.key, &lease.fence().to_be_bytes());
        *hash.as_bytes().first_chunk().expect("a hash is longer")
    }
}

/// Makes and knows the tokens of one thing's leases.
pub(super) struct Leases<'a> {
    tokens: &'a Tokens,
    /// What stands before the token in the path of a lease.
    path: String,
    hash: [u8; THING_HASH],
}

impl Leases<'_> {
    /// The token of a lease.
    pub(super) fn token(&self, lease: LeaseId) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes(lease))
    }

    /// The path of a lease.
    pub(super) fn path(&self, lease: LeaseId) -> String {
        [&self.path, &*self.token(lease)].concat()
    }

    /// The lease that a token names, or the whole path of a lease.
    pub(super) fn lease(&self, text: &str) -> Option<LeaseId> {
        self.by_token(if text.starts_with('/') { text.strip_prefix(&self.path)? } else { text })
    }

    fn by_token(&self, token: &str) -> Option<LeaseId> {
        let given = decode(token)?;
        let id = number(&given)?;
        same(&given, &self.bytes(id)).then_some(id)
    }

    fn bytes(&self, lease: LeaseId) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..NUMBER].copy_from_slice(&lease.fence().to_be_bytes());
        bytes[NUMBER..].copy_from_slice(&self.tokens.hash(lease));
        let last = &mut bytes[NUMBER + NUMBER_HASH..];
        last.iter_mut().zip(self.hash).for_each(|(byte, of_thing)| *byte ^= of_thing);
        bytes
    }
}

fn decode(token: &str) -> Option<[u8; BYTES]> {
    if token.len() != CHARS {
        return None;
    }
    // The decoder wants room for whole groups of three.
    let mut bytes = [0; BYTES + 1];
    let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
    if length == BYTES { bytes.first_chunk().copied() } else { None }
}

fn number(bytes: &[u8; BYTES]) -> Option<LeaseId> {
    let number = bytes.first_chunk().expect("a token begins with its number");
    NonZeroU64::new(u64::from_be_bytes(*number)).map(LeaseId)
}

/// Takes as long for a token that is nearly right as for one that is all wrong.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(0, |bits, (a, b)| bits | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

/// The thing and the token in `/v1/{kinds}/{name}/leases/{token}`.
fn split_path(path: &str) -> Option<(Thing, &str)> {
    let mut segments = path.split('/').skip(1);
    let mut next = || segments.next();
    let (version, kinds, name, leases, token) = (next()?, next()?, next()?, next()?, next()?);
    let well_formed = version == "v1" && leases == "leases" && next().is_none();
    let name: Name = well_formed.then(|| name.parse().ok()).flatten()?;
    let kind = LEASED.into_iter().find(|kind| kind.plural() == kinds)?;
    Some((Thing::new(kind, name), token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(number: u64) -> LeaseId {
        LeaseId(NonZeroU64::new(number).expect("not zero"))
    }

    fn queue(name: &str) -> Thing {
        Thing::Queue(name.parse().expect("a name"))
    }

    fn lock(name: &str) -> Thing {
        Thing::Lock(name.parse().expect("a name"))
    }

    /// A token names its lease, in its own path, as a path and alone.
    #[test]
    fn names_its_lease() {
        let tokens = Tokens::new([7; 32]);
        for thing in [queue("emails"), lock("deploy:eu-1")] {
            let token = tokens.of(&thing).token(lease(7));
            let path = tokens.path(lease(7), &thing);
            let known = Some(LeaseRef { id: lease(7), thing: Some(thing.clone()) });
            assert_eq!(tokens.in_path(&token, thing.clone()), known);
            assert_eq!(tokens.anywhere(&path), known);
            for text in [&token, &path] {
                assert_eq!(tokens.of(&thing).lease(text), Some(lease(7)));
            }
            let bare = Some(LeaseRef { id: lease(7), thing: None });
            assert_eq!(tokens.anywhere(&token), bare);
            assert!(path.ends_with(&format!("/leases/{token}")));
        }
    }

    /// A token opens no other thing's path.
    #[test]
    fn names_no_other_things_lease() {
        let tokens = Tokens::new([7; 32]);
        let of = tokens.of(&queue("emails"));
        let (token, path) = (of.token(lease(7)), of.path(lease(7)));
        for thing in [queue("email"), queue("emails2"), lock("emails")] {
            assert_eq!(tokens.of(&thing).lease(&path), None);
            assert_eq!(tokens.in_path(&token, thing), None);
        }
        assert_eq!(tokens.anywhere(&format!("/v1/queues/other/leases/{token}")), None);
        assert_eq!(tokens.anywhere(&format!("/v1/locks/emails/leases/{token}")), None);
    }

    /// No change of a token leaves it good where that part of it counts.
    #[test]
    fn cannot_be_changed() {
        let tokens = Tokens::new([7; 32]);
        let good = tokens.of(&queue("emails")).bytes(lease(7));
        for bit in 0..BYTES * 8 {
            let mut bytes = good;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let token = URL_SAFE_NO_PAD.encode(bytes);
            assert_eq!(tokens.in_path(&token, queue("emails")), None, "bit {bit}");
            let counts = bit < (NUMBER + NUMBER_HASH) * 8;
            assert_eq!(tokens.anywhere(&token).is_none(), counts, "bit {bit}");
        }
    }

    /// What is no token at all is known as such.
    #[test]
    fn knows_what_is_none() {
        let tokens = Tokens::new([7; 32]);
        let foreign = Tokens::new([8; 32]).of(&queue("emails")).token(lease(7));
        let zero = URL_SAFE_NO_PAD.encode([0; BYTES]);
        let long = "a".repeat(1_000);
        let own = tokens.of(&queue("emails")).token(lease(7));
        let padded = format!("{own}=");
        for text in ["", "/", "//", "a", "é", &foreign, &zero, &long, &padded, "/v1/queues"] {
            assert_eq!(tokens.anywhere(text), None, "{text}");
            assert_eq!(tokens.in_path(text, queue("emails")), None, "{text}");
        }
        for path in
            ["/v2/queues/emails/leases/", "/v1/events/emails/leases/", "/v1/queues/emails/x/"]
        {
            assert_eq!(tokens.anywhere(&format!("{path}{own}")), None, "{path}");
        }
        assert_eq!(tokens.anywhere(&format!("/v1/queues/emails/leases/{own}/nack")), None);
    }

    /// Any bytes are no token of any lease, in whatever path; a lease's own names it and no other.
    #[test]
    fn any_token() {
        let tokens = Tokens::new([7; 32]);
        crate::fuzz::bytes(|bytes| {
            let mut guess = [0; BYTES];
            guess.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            let text = URL_SAFE_NO_PAD.encode(guess);
            assert_eq!(tokens.anywhere(&text), None);
            assert_eq!(tokens.in_path(&text, queue("emails")), None);
            let Some(id) = number(&guess) else { return };
            let known = LeaseRef { id, thing: Some(queue("emails")) };
            assert_eq!(tokens.anywhere(&tokens.path(id, &queue("emails"))), Some(known));
        });
        let own = tokens.of(&queue("q")).token(lease(7));
        let pieces = ["/", "v1", "queues", "locks", "q", "leases", "", "é", &own];
        crate::fuzz::texts(&pieces, |text| {
            let right = format!("/v1/queues/q/leases/{own}");
            assert_eq!(tokens.anywhere(text).is_some(), text == own || text == right, "{text}");
        });
    }
}
