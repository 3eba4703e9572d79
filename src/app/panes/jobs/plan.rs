//! Which columns fit, where each stands and how wide it is. The id is never cut and never gives way.
//!
//! Looks at no job: a plan depends on the columns, the longest id and the room alone, so that nothing moves when jobs come and go.

use crate::model::{Chosen, Column};

/// Cells left of the first column: one for the mark, one for the sign of an array.
pub(super) const GUTTER: u16 = 2;

/// One column on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) column: Column,
    /// Its first cell, counted from the left edge of the list.
    pub(super) x: u16,
    pub(super) room: u16,
}

/// All columns on the screen, from left to right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan(pub(super) Vec<Place>);

/// The cells that a column needs at least, wants, and can use at most.
#[derive(Clone, Copy)]
struct Wants {
    least: u16,
    usual: u16,
    most: u16,
}

impl Plan {
    /// Divides `room` cells among the columns; ids take up to `id` cells.
    pub(super) fn new(columns: &[Chosen], id: u16, room: u16) -> Self {
        let room = room.saturating_sub(GUTTER);
        let mut fitting: Vec<(Column, Wants, u16)> = columns.iter().map(|chosen| (chosen.column, wants(*chosen, id), 0)).collect();
        let least = |all: &[(Column, Wants, u16)]| all.iter().map(|(_, wants, _)| wants.least + 1).sum::<u16>().saturating_sub(1);
        while least(&fitting) > room && fitting.len() > 1 {
            let first = (0..fitting.len()).max_by_key(|i| gives_way(fitting[*i].0)).unwrap_or(0);
            fitting.remove(first);
        }
        let mut rest = room.saturating_sub(least(&fitting));
        for (_, wants, cells) in &mut fitting {
            *cells = wants.least.min(room);
        }
        // A cell for each in turn, two where the text has no end, until all have what they want; then until none can use more.
        for level in [|wants: &Wants| wants.usual, |wants: &Wants| wants.most] {
            while rest > 0 {
                let mut given = false;
                for (_, wants, cells) in &mut fitting {
                    let turn = if wants.most == u16::MAX { 2 } else { 1 };
                    let more = turn.min(rest).min(level(wants).saturating_sub(*cells));
                    (*cells, rest, given) = (*cells + more, rest - more, given || more > 0);
                }
                if !given {
                    break;
                }
            }
        }
        let mut x = GUTTER;
        let place = |(column, _, cells): (Column, Wants, u16)| {
            let place = Place { column, x, room: cells };
            x += cells + 1;
            place
        };
        Self(fitting.into_iter().map(place).collect())
    }

    /// The column whose heading stands at `x`.
    pub(super) fn at(&self, x: u16) -> Option<Column> {
        self.0.iter().rfind(|place| place.x <= x && x <= place.x + place.room).map(|place| place.column)
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.0.iter().any(|place| place.column == column)
    }
}

fn wants(chosen: Chosen, id: u16) -> Wants {
    use Column::*;
    let all = u16::MAX;
    let (least, usual, most) = match chosen.column {
        Id => (id, id, id),
        Partition => (7, 9, 14),
        Name => (10, 18, 32),
        User => (6, 8, 12),
        State => (5, 5, 5),
        LongState => (13, 15, 15),
        Time => (10, 10, 10),
        Nodes => (5, 5, 5),
        Cpus => (5, 6, 6),
        Memory => (10, 10, 10),
        Gres => (8, 13, 24),
        TimeLimit | TimeLeft => (10, 11, 11),
        Priority => (8, 10, 10),
        SubmitTime | StartTime | EndTime => (12, 12, 12),
        Account | Qos => (6, 8, 14),
        Place | NodeList | Reason => (9, 24, all),
        WorkDir | Dependency => (10, 18, all),
    };
    match chosen.cells {
        // Where there is no room for what was wished, it shrinks before it gives way; ids do not.
        Some(cells) if chosen.column == Id => Wants { least: id, usual: cells.max(id), most: cells.max(id) },
        Some(cells) => Wants { least: least.min(cells), usual: cells, most: cells },
        None => Wants { least, usual, most },
    }
}

/// Which column goes first where there is no room for all: the greatest.
fn gives_way(column: Column) -> u8 {
    use Column::*;
    match column {
        Id => 0,
        State => 1,
        Name => 2,
        Time => 3,
        LongState => 4,
        Place => 5,
        NodeList => 6,
        Reason => 7,
        Nodes => 8,
        TimeLeft => 9,
        User => 10,
        Partition => 11,
        Cpus => 12,
        Account => 13,
        Priority => 14,
        TimeLimit => 15,
        Gres => 16,
        StartTime => 17,
        EndTime => 18,
        SubmitTime => 19,
        Memory => 20,
        Qos => 21,
        Dependency => 22,
        WorkDir => 23,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn titles(plan: &Plan) -> String {
        plan.0.iter().map(|place| format!("{}:{}", place.column.title(), place.room)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn columns_share_the_room_and_give_way_in_their_order() {
        let plan = |room| titles(&Plan::new(&Chosen::defaults(), 14, room));
        assert_eq!(plan(140), "JOBID:14 PARTITION:14 NAME:28 USER:12 ST:5 TIME:10 NODES:5 NODELIST(REASON):43");
        assert_eq!(plan(78), "JOBID:14 PARTITION:8 NAME:11 USER:7 ST:5 TIME:10 NODES:5 NODELIST(REASON):9");
        assert_eq!(plan(66), "JOBID:14 NAME:12 ST:5 TIME:10 NODES:5 NODELIST(REASON):13");
        assert_eq!(plan(38), "JOBID:14 NAME:15 ST:5");
        assert_eq!(plan(6), "JOBID:4");
        let wide = [Chosen { column: Column::Id, cells: Some(3) }, Chosen { column: Column::Name, cells: Some(40) }];
        assert_eq!(titles(&Plan::new(&wide, 9, 100)), "JOBID:9 NAME:40", "an id is never cut, whatever was wished");
        assert_eq!(titles(&Plan::new(&wide, 9, 32)), "JOBID:9 NAME:20");
    }

    #[test]
    fn a_heading_is_found_where_it_stands() {
        let plan = Plan::new(&Chosen::defaults(), 9, 100);
        assert_eq!((plan.at(0), plan.at(2), plan.at(11)), (None, Some(Column::Id), Some(Column::Id)));
        assert_eq!(plan.at(12), Some(Column::Partition));
        assert_eq!(plan.at(99), Some(Column::Place));
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_room(
            picks in proptest::collection::vec((0..24_usize, proptest::option::of(2..60_u16)), 1..24), id in 1..40_u16, room in 0..200_u16
        ) {
            let columns: Vec<Chosen> = picks.iter().map(|(i, cells)| Chosen { column: Column::ALL[*i].0, cells: *cells }).collect();
            let plan = Plan::new(&columns, id, room);
            prop_assert!(!plan.0.is_empty());
            for pair in plan.0.windows(2) {
                prop_assert_eq!(pair[0].x + pair[0].room + 1, pair[1].x);
            }
            let end = plan.0.last().map_or(0, |place| place.x + place.room);
            prop_assert!(end <= room.max(GUTTER));
        }
    }
}
