//! Walking positions up or down with one piece of code.

use crate::events::Order;

/// Beyond the last position in the direction of the walk.
pub(crate) fn furthest(order: Order) -> i64 {
    match order {
        Order::Asc => i64::MAX,
        Order::Desc => 0,
    }
}

/// Before the first position in the direction of the walk.
pub(crate) fn origin(order: Order) -> i64 {
    match order {
        Order::Asc => 0,
        Order::Desc => i64::MAX,
    }
}

/// Whether `seq` comes after `other` in the direction of the walk.
pub(crate) fn is_beyond(order: Order, seq: i64, other: i64) -> bool {
    match order {
        Order::Asc => seq > other,
        Order::Desc => seq < other,
    }
}

/// How SQL says "beyond", "not beyond", and the direction.
pub(crate) fn signs(order: Order) -> (&'static str, &'static str, &'static str) {
    match order {
        Order::Asc => (">", "<=", "ASC"),
        Order::Desc => ("<", ">=", "DESC"),
    }
}
