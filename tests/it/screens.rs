//! Pictures of the screen, glyphs and styles: empty, loading, full and failed, large and small.

use qdeck::model::{Answer, Failure, FailureKind, JobId, Query, Scope};

use crate::stage::{Stage, prod};

const SIZES: [(u16, u16); 2] = [(140, 40), (80, 24)];

pub(crate) fn picture(name: &str, prepare: impl Fn(&mut Stage)) {
    for (width, height) in SIZES {
        let mut stage = Stage::new(width, height);
        prepare(&mut stage);
        // Debug shows colours too, which a plain text of the screen would hide.
        insta::assert_snapshot!(format!("{name}-{width}x{height}"), format!("{:?}", stage.buffer(width, height)));
    }
}

#[test]
fn loading() {
    picture("loading", Stage::clusters);
}

#[test]
fn empty() {
    picture("empty", |stage| {
        stage.clusters();
        stage.jobs(&[]);
    });
}

#[test]
fn full() {
    picture("full", Stage::full);
}

#[test]
fn failed() {
    picture("failed", |stage| {
        stage.clusters();
        let failure = Failure::new(FailureKind::Unreachable, "host prod", "Connection refused").hint("Is sshd running there?");
        stage.answer(Query::Jobs { cluster: prod(), scope: Scope::Mine }, Err(failure.clone()));
        stage.answer(Query::Nodes(prod()), Err(failure));
    });
}

#[test]
fn help_and_confirmation() {
    picture("help", |stage| {
        stage.full();
        stage.keys("?");
    });
    picture("confirm", |stage| {
        stage.full();
        stage.keys("c");
    });
}

#[test]
fn past_jobs_and_one_job() {
    picture("past", |stage| {
        stage.full();
        stage.keys("P");
        let jobs = (1..=60).rev().map(crate::past::past).collect();
        stage.answer(crate::past::history(""), Ok(Answer::History(jobs)));
    });
    picture("job", |stage| {
        stage.full();
        stage.keys("G enter");
        let query = Query::Examine { cluster: prod(), job: JobId::new("99") };
        stage.answer(query, Ok(Answer::Detail(crate::past::detail("99"))));
    });
}

#[test]
fn verbs_and_what_they_need() {
    picture("why", crate::verbs::why);
    picture("depends", crate::verbs::depends);
    picture("node", |stage| {
        crate::verbs::nodes(stage);
        stage.keys("enter");
    });
    picture("nodes-wide", |stage| {
        crate::verbs::nodes(stage);
        stage.keys("j z");
    });
    picture("signal", |stage| {
        stage.full();
        stage.keys("C");
    });
    picture("time-limit", |stage| {
        stage.full();
        stage.keys("t x enter");
    });
    picture("verbs", |stage| {
        stage.full();
        stage.keys("x");
    });
}

#[test]
fn arrays_and_marks() {
    picture("array-closed", |stage| {
        stage.clusters();
        stage.table(Stage::swept());
    });
    picture("array-open-marked", |stage| {
        stage.clusters();
        stage.table(Stage::swept());
        stage.keys("j right g space j j space space");
    });
    picture("array-tasks-filtered", |stage| {
        stage.clusters();
        stage.table(Stage::swept());
        stage.keys("/");
        stage.text("state:F,TO");
        stage.keys("enter");
    });
}

#[test]
fn columns() {
    picture("columns", |stage| {
        stage.clusters();
        stage.table(Stage::swept());
        stage.keys("K j j + + j j j j j j j j j j space K K K");
    });
    // More columns than there is room for: the least important give way.
    picture("columns-all", |stage| {
        stage.clusters();
        stage.table(Stage::swept());
        let shown = qdeck::model::Column::defaults().count();
        let down = |n: usize| vec!["j"; n].join(" ");
        stage.keys(&format!("K {}", down(shown)));
        for _ in shown..qdeck::model::Column::ALL.len() {
            stage.keys("space j");
        }
        stage.keys("enter z");
    });
    // Forty cells: the id is whole.
    let mut stage = Stage::new(40, 10);
    stage.clusters();
    stage.table(Stage::swept());
    let screen = stage.screen(40, 10);
    assert!(screen.contains("▸18240_[33-99]") && screen.contains("▶ R"), "{screen}");
}

#[test]
fn too_small() {
    let mut stage = Stage::new(39, 9);
    stage.clusters();
    assert!(stage.screen(39, 9).contains("qdeck needs at least"));
}

#[test]
fn no_size_and_no_overlay_breaks_the_drawing() {
    let overlays =
        ["", "?", "!", ":", "c", "f", "n", "L", "K", "enter", "/", "z", "P", "O", "e", "A", "x", "C", "t", "w", "d", "X", "2 z enter", "$"];
    for overlay in overlays {
        for (width, height) in (1..200).step_by(9).flat_map(|w| (1..60).step_by(5).map(move |h| (w, h))) {
            let mut stage = Stage::new(width, height);
            stage.clusters();
            stage.jobs(&[("101", "日本語のとても長い名前のジョブです", qdeck::model::JobState::Running)]);
            if !overlay.is_empty() {
                stage.keys(overlay);
            }
            stage.buffer(width, height);
        }
    }
}
