//! Where connections come from, and how many of them.

use std::net::{IpAddr, Ipv6Addr};

use crate::shares::{Share, Shares};

/// How many connections come from where. One address of IPv6 has 2⁶⁴ neighbours that are as good as
/// itself: they count as one.
#[derive(Clone, Debug)]
pub(crate) struct Addresses(Shares<IpAddr>);

impl Addresses {
    /// At most so many from one.
    pub(crate) fn new(most: usize) -> Self {
        Self(Shares::new(most))
    }

    /// Another one; `None` if there are as many from there already.
    pub(crate) fn come(&self, from: IpAddr) -> Option<Share<IpAddr>> {
        self.0.take(match from.to_canonical() {
            IpAddr::V6(from) => {
                IpAddr::V6(Ipv6Addr::from_bits(from.to_bits() & !u128::from(u64::MAX)))
            }
            from @ IpAddr::V4(_) => from,
        })
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
        assert_eq!(addresses.0.len(), 2, "what is counted is there");
    }
}
