//! Which panes are on screen, and where, for each size of terminal.

use ratatui::layout::Rect;

/// The four panes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub(super) enum Pane {
    Clusters,
    Nodes,
    Jobs,
    Logs,
}

impl Pane {
    pub(super) const ALL: [Self; 4] = [Self::Clusters, Self::Nodes, Self::Jobs, Self::Logs];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Clusters => "1 Clusters",
            Self::Nodes => "2 Nodes",
            Self::Jobs => "3 Jobs",
            Self::Logs => "4 Logs",
        }
    }

    pub(super) fn after(self, steps: usize) -> Self {
        Self::ALL[(self as usize + steps) % 4]
    }
}

/// A screen divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// One row at the top.
    pub(super) header: Rect,
    /// One row at the bottom.
    pub(super) footer: Rect,
    /// What is between them.
    pub(super) body: Rect,
    /// The visible panes.
    pub(super) panes: Vec<(Pane, Rect)>,
    /// Too small for anything but a sentence.
    pub(super) tiny: bool,
    /// So small that tabs replace neighbours.
    pub(super) tabs: bool,
}

const LEFT: u16 = 44;
/// From this width on a list becomes a table.
pub(super) const WIDE: u16 = 76;

impl Layout {
    pub(super) fn new((width, height): (u16, u16), focus: Pane, zoomed: bool) -> Self {
        let full = Rect::new(0, 0, width, height);
        let header = Rect { height: 1.min(height), ..full };
        let footer = Rect { y: height.saturating_sub(1), height: 1.min(height), ..full };
        let body = Rect { y: 1, height: height.saturating_sub(2), ..full };
        let tiny = width < 40 || height < 10;
        let tabs = !tiny && (width < 60 || height < 15);
        let panes = if tiny {
            Vec::new()
        } else if tabs || zoomed {
            let body = if tabs { Rect { y: 2, height: height - 3, ..body } } else { body };
            vec![(focus, body)]
        } else if width >= 110 {
            // What there is on the left, what runs on the right.
            let left = LEFT.max(width / 4).min(60);
            let clusters = (body.height / 3).clamp(5, 12);
            let jobs = body.height.div_ceil(2);
            let right = width - left;
            vec![
                (Pane::Clusters, Rect::new(0, 1, left, clusters)),
                (Pane::Nodes, Rect::new(0, 1 + clusters, left, body.height - clusters)),
                (Pane::Jobs, Rect::new(left, 1, right, jobs)),
                (Pane::Logs, Rect::new(left, 1 + jobs, right, body.height - jobs)),
            ]
        } else {
            let top = if focus == Pane::Logs { Pane::Jobs } else { focus };
            let jobs = body.height.div_ceil(2);
            vec![(top, Rect::new(0, 1, width, jobs)), (Pane::Logs, Rect::new(0, 1 + jobs, width, body.height - jobs))]
        };
        Self { header, footer, body, panes, tiny, tabs }
    }

    pub(super) fn area(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(p, _)| *p == pane).map(|(_, area)| *area)
    }

    /// Rows of content that a pane shows: its frame and, in tables, its heading are not counted.
    pub(super) fn rows(&self, pane: Pane) -> usize {
        let heading = u16::from(self.heading(pane));
        self.area(pane).map_or(1, |area| usize::from(area.height.saturating_sub(2 + heading)))
    }

    /// Whether a pane shows a table with a heading: nodes do where there is room for columns.
    pub(super) fn heading(&self, pane: Pane) -> bool {
        match pane {
            Pane::Jobs => true,
            Pane::Nodes => self.area(pane).is_some_and(|area| area.width >= WIDE),
            Pane::Clusters | Pane::Logs => false,
        }
    }

    pub(super) fn at(&self, column: u16, row: u16) -> Option<(Pane, Rect)> {
        self.panes.iter().copied().find(|(_, area)| area.contains((column, row).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_divided_without_gaps_or_overlaps() {
        for width in 1..=200 {
            for height in 1..=60 {
                for focus in Pane::ALL {
                    let layout = Layout::new((width, height), focus, false);
                    let cells: u32 = layout.panes.iter().map(|(_, a)| u32::from(a.width) * u32::from(a.height)).sum();
                    if layout.tiny {
                        assert_eq!(cells, 0);
                    } else {
                        let body = layout.body.height - u16::from(layout.tabs);
                        assert_eq!(cells, u32::from(width) * u32::from(body), "{width}x{height}");
                        assert!(layout.panes.iter().any(|(p, _)| *p == focus));
                        assert!(
                            layout.panes.iter().all(|(_, a)| a.right() <= width && a.bottom() < height && a.height >= 4),
                            "{width}x{height} {layout:?}"
                        );
                    }
                }
            }
        }
    }
}
