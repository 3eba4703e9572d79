//! Columns and their order, as the user writes them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::model::{Chosen, Column, Order};
use crate::protocol::keymap::distance;

pub(super) fn columns_of<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Chosen>>, D::Error> {
    let words = Option::<Vec<String>>::deserialize(from)?;
    words.map(|words| columns(&words)).transpose().map_err(D::Error::custom)
}

pub(super) fn order_of<'de, D: Deserializer<'de>>(from: D) -> Result<Order, D::Error> {
    let word = Option::<String>::deserialize(from)?;
    let Some(word) = word else { return Ok(Order::default()) };
    let (descending, title) = word.strip_prefix('-').map_or((false, word.as_str()), |title| (true, title));
    Ok(Order { column: Some(column(title).map_err(D::Error::custom)?), descending })
}

/// Columns as the user writes them, `NAME` or `NAME:30`; a mistake in words.
pub fn columns(words: &[String]) -> Result<Vec<Chosen>, String> {
    let mut all: Vec<Chosen> = Vec::with_capacity(words.len());
    for word in words {
        let (title, cells) = word.rsplit_once(':').map_or((word.as_str(), None), |(title, cells)| (title, Some(cells)));
        let column = column(title.trim())?;
        let (least, most) = (Chosen::CELLS.start(), Chosen::CELLS.end());
        let cells = cells.map(|cells| {
            let fits = cells.trim().parse().ok().filter(|cells| Chosen::CELLS.contains(cells));
            fits.ok_or_else(|| format!("columns: `{word}`: a width is a number from {least} to {most}"))
        });
        if all.iter().any(|chosen| chosen.column == column) {
            return Err(format!("columns: `{}` stands there twice", column.title()));
        }
        all.push(Chosen { column, cells: cells.transpose()? });
    }
    if all.is_empty() { Err("columns: none is named".to_owned()) } else { Ok(all) }
}

/// A column by its title.
fn column(title: &str) -> Result<Column, String> {
    Column::read(title).ok_or_else(|| {
        let typed = title.to_uppercase();
        let nearest = Column::ALL.iter().map(|(_, known, _)| *known).min_by_key(|known| distance(&typed, known));
        format!("there is no column `{title}`; the nearest is `{}`", nearest.unwrap_or("JOBID"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::wrong;

    #[test]
    fn columns_are_squeue_s_names_with_a_width_if_wished() {
        let text = "jobs: {columns: [jobid, \"NAME:30\", \"NODELIST(REASON)\"], sort: -time}\n";
        let config = Config::parse(text, "c").unwrap();
        let shown: Vec<String> = config.jobs.columns.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["JOBID", "NAME:30", "NODELIST(REASON)"]);
        assert_eq!(config.jobs.sort, Order { column: Some(Column::Time), descending: true });
        let said = wrong("theme: dark\njobs:\n  columns: [JOBID, NMAE]\n");
        assert!(said.contains("config.yaml:3") && said.contains("nearest is `NAME`"), "{said}");
        assert!(wrong("jobs: {columns: [\"NAME:1\"]}\n").contains("from 2 to 200"));
        assert!(wrong("jobs: {columns: [NAME, name]}\n").contains("twice"));
        assert!(wrong("jobs: {columns: []}\n").contains("none is named"));
        assert!(wrong("jobs: {sort: -TIEM}\n").contains("nearest is `TIME`"));
        assert!(wrong("jobs: {colums: [ST]}\n").contains("nearest is `columns`"));
    }
}
