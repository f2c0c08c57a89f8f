//! Namespaces: what all things together may take whose names begin alike. Which quotas there are, is said
//! from outside; what is taken follows from the state and from who waits.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::messages::answer::Refusal;
use crate::messages::name::Name;

/// What the things of one namespace may take together. What is not said has no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Names that begin so are in it: all names, if it is empty.
    pub prefix: Arc<str>,
    /// Jobs of its queues, in whatever state.
    pub jobs: Option<u64>,
    /// Bytes that these jobs take as they are written: their bodies, and up to a hundred bytes beside each.
    pub bytes: Option<u64>,
    /// Requests that wait at its names at one time; one that waits at several names counts at each.
    pub waits: Option<u64>,
    /// Puts a second; after a rest as many at once.
    pub rate: Option<NonZeroU32>,
}

/// What the things of one namespace take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Jobs.
    pub jobs: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Requests that wait.
    pub waits: u64,
}

/// Of what there may be no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// Jobs.
    Jobs,
    /// Bytes of jobs.
    Bytes,
    /// Requests that wait.
    Waits,
    /// Puts a second.
    Rate,
}

impl Bound {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jobs, Self::Bytes, Self::Waits, Self::Rate];

    /// As a quota writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Bytes => "bytes",
            Self::Waits => "waits",
            Self::Rate => "rate",
        }
    }
}

impl Quota {
    /// How much of this there may be.
    pub fn most(&self, bound: Bound) -> Option<u64> {
        match bound {
            Bound::Jobs => self.jobs,
            Bound::Bytes => self.bytes,
            Bound::Waits => self.waits,
            Bound::Rate => self.rate.map(|rate| rate.get().into()),
        }
    }
}

/// All quotas. A namespace may lie in another one; then both hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// By prefix.
    all: Vec<Quota>,
    /// For each the one in which it lies, if any: the longest other prefix with which its own begins.
    around: Vec<Option<usize>>,
}

impl Quotas {
    /// With these. Of two with one prefix the first holds.
    pub fn new(mut all: Vec<Quota>) -> Self {
        all.sort_by(|one, other| one.prefix.cmp(&other.prefix));
        all.dedup_by(|later, first| later.prefix == first.prefix);
        let mut quotas = Self { around: Vec::with_capacity(all.len()), all };
        for place in 0..quotas.all.len() {
            let before = place.checked_sub(1);
            quotas.around.push(quotas.innermost(before, &quotas.all[place].prefix));
        }
        quotas
    }

    /// In the order of their prefixes.
    pub fn all(&self) -> &[Quota] {
        &self.all
    }

    /// Places of those that hold for a name, the longest prefix first.
    pub(crate) fn of(&self, name: &Name) -> impl Iterator<Item = usize> + '_ {
        let name = name.as_str();
        let upto = self.all.partition_point(|quota| *quota.prefix <= *name);
        let first = self.innermost(upto.checked_sub(1), name);
        std::iter::successors(first, |place| self.around[*place])
    }

    /// There is as much of this as there may be.
    pub(crate) fn refusal(&self, place: usize, bound: Bound) -> Refusal {
        let quota = &self.all[place];
        let most = quota.most(bound).unwrap_or(u64::MAX);
        Refusal::OverQuota { prefix: Arc::clone(&quota.prefix), bound, most }
    }

    /// The first from here outwards with which a text begins. Whatever stands in the order of texts between
    /// a prefix and one that begins with it begins with it as well, so none is passed by.
    fn innermost(&self, mut from: Option<usize>, text: &str) -> Option<usize> {
        while let Some(place) = from
            && !text.starts_with(&*self.all[place].prefix)
        {
            from = self.around[place];
        }
        from
    }
}

/// How many wait in each namespace.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    quotas: Arc<Quotas>,
    /// By the places of the quotas.
    there: Vec<u64>,
}

impl Waits {
    /// None yet.
    pub(crate) fn new(quotas: Arc<Quotas>) -> Self {
        Self { there: vec![0; quotas.all().len()], quotas }
    }

    /// By the places of the quotas.
    pub(crate) fn there(&self) -> &[u64] {
        &self.there
    }

    /// So many more wait at this name.
    pub(crate) fn come(&mut self, name: Option<&Name>, many: u64) {
        name.into_iter()
            .flat_map(|name| self.quotas.of(name))
            .for_each(|it| self.there[it] += many);
    }

    /// One waits there no more.
    pub(crate) fn go(&mut self, name: Option<&Name>) {
        name.into_iter().flat_map(|name| self.quotas.of(name)).for_each(|it| self.there[it] -= 1);
    }

    /// Whether one more may wait at these names.
    pub(crate) fn admits<'a>(&self, names: impl Iterator<Item = &'a Name>) -> Result<(), Refusal> {
        let mut come: Vec<usize> = names.flat_map(|name| self.quotas.of(name)).collect();
        come.sort_unstable();
        for same in come.chunk_by(|one, other| one == other) {
            let (place, more) = (same[0], same.len() as u64);
            if self.quotas.all[place].waits.is_some_and(|most| self.there[place] + more > most) {
                return Err(self.quotas.refusal(place, Bound::Waits));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All prefixes of a name are found, and no others.
    #[test]
    fn a_name_is_in_all_namespaces_with_whose_prefix_it_begins() {
        let prefixes = ["", "a", "a-b", "a-b-c", "a-c", "ab", "b-"];
        let quota = |prefix: &&str| Quota { prefix: (*prefix).into(), ..Quota::default() };
        // Whatever is left out, the rest is found.
        for some in 0..1_u32 << prefixes.len() {
            let there = prefixes.iter().enumerate().filter(|(bit, _)| some >> bit & 1 == 1);
            let quotas = Quotas::new(there.map(|(_, prefix)| quota(prefix)).rev().collect());
            for text in ["a", "a-", "a-b", "a-b-", "a-b-c-d", "a-bc", "a-d", "ab", "b", "b-1", "c"]
            {
                let name: Name = text.parse().unwrap();
                let found: Vec<&str> =
                    quotas.of(&name).map(|it| &*quotas.all()[it].prefix).collect();
                let mut all: Vec<&str> = quotas.all().iter().map(|it| &*it.prefix).collect();
                all.retain(|prefix| text.starts_with(prefix));
                all.reverse();
                assert_eq!(found, all, "{text}");
            }
        }
    }
}
