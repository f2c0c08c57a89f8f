//! Where connections come from, and how many of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use crate::locked;

/// How many connections come from where. One address of IPv6 has 2⁶⁴ neighbours that are as good as
/// itself: they count as one.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    most: usize,
    there: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection from somewhere, as long as it lives.
#[derive(Debug)]
pub(crate) struct Here(Addresses, IpAddr);

impl Addresses {
    /// At most so many from one.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, there: Arc::default() }
    }

    /// Another one; `None` if there are as many from there already.
    pub(crate) fn come(&self, from: IpAddr) -> Option<Here> {
        let from = match from.to_canonical() {
            IpAddr::V6(from) => {
                IpAddr::V6(Ipv6Addr::from_bits(from.to_bits() & !u128::from(u64::MAX)))
            }
            from @ IpAddr::V4(_) => from,
        };
        let mut there = locked(&self.there);
        let count = there.entry(from).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Here(self.clone(), from))
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let mut there = locked(&self.0.there);
        if let Entry::Occupied(mut entry) = there.entry(self.1) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One address cannot have all places, nor can its neighbours; what left counts no more.
    #[test]
    fn an_address_has_some_places_only() {
        let addresses = Addresses::new(1);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = addresses.come(ip("192.0.2.1")).unwrap();
        assert!(addresses.come(ip("192.0.2.1")).is_none());
        assert!(addresses.come(ip("::ffff:192.0.2.1")).is_none());
        let _other = addresses.come(ip("192.0.2.2")).unwrap();
        let _net = addresses.come(ip("2001:db8::1")).unwrap();
        assert!(addresses.come(ip("2001:db8::ffff:1")).is_none());
        assert!(addresses.come(ip("2001:db8:0:1::1")).is_some());
        drop(first);
        assert!(addresses.come(ip("192.0.2.1")).is_some());
        assert_eq!(addresses.there.lock().unwrap().len(), 2, "what is counted is there");
    }
}
