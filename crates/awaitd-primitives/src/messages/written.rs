//! How a queue's configuration is written. The first journals knew three fields of it. One whose policy
//! is the default is written as they have it; of any other, what stands for the order says that the
//! policy follows.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, SerializeTuple, Serializer};

use crate::messages::configuration::{Order, QueueConfig};
use crate::messages::policy::Policy;

/// Added to an order behind which a policy follows.
const WITH_POLICY: u32 = 8;

impl Serialize for QueueConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { maxsize, order, lease, policy } = self;
        let plain = **policy == Policy::default();
        if serializer.is_human_readable() {
            let mut fields = serializer.serialize_struct("QueueConfig", 3 + usize::from(!plain))?;
            fields.serialize_field("maxsize", maxsize)?;
            fields.serialize_field("order", order)?;
            fields.serialize_field("lease", lease)?;
            if !plain {
                fields.serialize_field("policy", policy)?;
            }
            return fields.end();
        }
        let mut fields = serializer.serialize_tuple(3 + usize::from(!plain))?;
        fields.serialize_element(maxsize)?;
        fields.serialize_element(&(number(*order) + if plain { 0 } else { WITH_POLICY }))?;
        fields.serialize_element(lease)?;
        if !plain {
            fields.serialize_element(policy)?;
        }
        fields.end()
    }
}

impl<'de> Deserialize<'de> for QueueConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = QueueConfig;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a queue's configuration")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<QueueConfig, A::Error> {
                let mut missing = 0;
                let mut short = || {
                    missing += 1;
                    A::Error::invalid_length(missing, &"more fields")
                };
                let maxsize: u64 = fields.next_element()?.ok_or_else(&mut short)?;
                let code: u32 = fields.next_element()?.ok_or_else(&mut short)?;
                let lease: Duration = fields.next_element()?.ok_or_else(&mut short)?;
                let (order, policy) = match code.checked_sub(WITH_POLICY) {
                    None => (code, Box::default()),
                    Some(order) => (order, fields.next_element()?.ok_or_else(&mut short)?),
                };
                let order = order_of(order).ok_or_else(|| {
                    A::Error::custom(format_args!("no order of a queue is written as {code}"))
                })?;
                Ok(QueueConfig { maxsize, order, lease, policy })
            }
        }

        deserializer.deserialize_tuple(4, Fields)
    }
}

fn number(order: Order) -> u32 {
    match order {
        Order::Fifo => 0,
        Order::Lifo => 1,
        Order::Priority => 2,
    }
}

fn order_of(number: u32) -> Option<Order> {
    [Order::Fifo, Order::Lifo, Order::Priority]
        .into_iter()
        .find(|order| self::number(*order) == number)
}
