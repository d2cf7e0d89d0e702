//! What the jobs are estimated to have cost is added up, and above a bound dispatch is paused: nothing is submitted, and nothing is
//! lost.

use std::time::Duration;

use control::dispatch::handler::Dispatcher;
use control::output::budget::{Budget, Pause, PausedBy};
use control::output::handler::Recorder;
use control::ports::Clock as _;
use control_world::{Faults, StoredObject, World, text_of};
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

struct System {
    world: World,
    dispatcher: Dispatcher<World>,
    recorder: Recorder<World>,
}

impl System {
    fn with(budget: Budget) -> Self {
        let world = World::new(1, Faults::default());
        let (dispatcher, mut recorder) = (world.dispatcher(), world.recorder());
        recorder.settings.budget = budget;
        Self { world, dispatcher, recorder }
    }

    fn upload(&self, key: &str) {
        let (now, etag) = {
            let mut inner = self.world.inner();
            (inner.now, format!("etag-{}", inner.serial()))
        };
        let object = StoredObject {
            head: b"\xff\xd8\xff\xe0 image".to_vec(),
            size: 1000,
            etag: etag.clone(),
            version_id: None,
            metadata_option: None,
            tag_option: None,
            modified: now,
        };
        self.world.store_object("in", key, object);
        let event = json!({
            "detail-type": "Object Created", "source": "aws.s3", "time": text_of(now),
            "detail": {"bucket": {"name": "in"}, "object":
                {"key": key, "size": 1000, "etag": etag, "sequencer": format!("{now:014X}")}},
        });
        self.world.invoke(self.world.classifier().handle(event)).unwrap().unwrap();
    }

    /// Gives every visible message to dispatch; how many jobs came of them.
    fn dispatch(&self) -> usize {
        let received = self.world.receive("image", 100, Duration::from_mins(12));
        if !received.is_empty() {
            let answer = self.world.invoke(self.dispatcher.handle(World::queue_event(&received))).unwrap().unwrap();
            self.world.acknowledge("image", &received, &answer);
        }
        self.world.take_jobs().len()
    }

    /// A job tells that it has ended, and what that cost.
    fn ended(&self, id: &str, cost: f64) {
        let now = text_of(self.world.inner().now);
        let text = json!({
            "schemaVersion": 1, "jobId": id, "source": {"bucket": "in", "key": id, "size": 9}, "kind": "image",
            "operation": "resize", "processingOption": "resize", "outcome": "SUCCEEDED", "outputBucket": "out",
            "finishedAt": now, "programVersion": "0",
            "usage": {"vcpuSeconds": 1.0, "gibSeconds": 2.0, "bytesRead": 9, "bytesWritten": 1, "reads": 1, "writes": 1,
                "estimatedCost": cost},
        });
        let event = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text.to_string()}}]});
        self.world.invoke(self.recorder.handle(event)).unwrap().unwrap();
    }

    fn schedule(&self) {
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        self.world.invoke(self.recorder.handle(event)).unwrap().unwrap();
    }

    fn pause(&self) -> Option<Pause> {
        self.world.invoke(Pause::read(&self.world.table("input"))).unwrap().unwrap()
    }

    fn later(&self, milliseconds: i64) {
        self.world.inner().now += milliseconds;
    }

    /// Whether deliveries and the item agree that dispatch is paused.
    fn is_paused(&self) -> bool {
        let is_paused = self.pause().is_some();
        assert_eq!(self.world.inner().delivers, !is_paused);
        is_paused
    }
}

fn a_day(bound: f64) -> Budget {
    Budget { day: Some(bound), month: None }
}

#[test]
fn above_the_bound_of_a_day_requests_wait_until_the_next_day() {
    let system = System::with(a_day(1.0));
    for number in 0..9 {
        system.ended(&format!("{number}.jpg"), 0.1);
    }
    system.schedule();
    assert!(!system.is_paused(), "0.9 is below the bound");
    for _ in 0..5 {
        system.ended("more.jpg", 0.2);
    }
    system.schedule();
    assert!(system.is_paused());
    let pause = system.pause().unwrap();
    assert_eq!(pause.by, Some(PausedBy::Budget));
    assert!(pause.reason.contains("1.10 USD, above its bound of 1.00"), "a repetition costs nothing: {}", pause.reason);

    system.upload("waits.jpg");
    for _ in 0..20 {
        assert_eq!(system.dispatch(), 0);
        system.later(15 * MINUTE);
        system.schedule();
    }
    system.later(DAY);
    system.schedule();
    assert!(!system.is_paused());
    assert_eq!(system.dispatch(), 1, "nothing was lost");
}

#[test]
fn an_operator_resumes_for_the_rest_of_the_period() {
    let system = System::with(a_day(1.0));
    system.ended("a.jpg", 2.0);
    system.schedule();
    assert!(system.is_paused());
    system.upload("waits.jpg");
    assert_eq!(system.dispatch(), 0);

    system.world.invoke(system.recorder.resume()).unwrap().unwrap();
    system.schedule();
    assert!(!system.is_paused(), "the bound is lifted");
    system.later(15 * MINUTE);
    assert_eq!(system.dispatch(), 1);

    system.later(DAY);
    system.ended("b.jpg", 2.0);
    system.schedule();
    assert!(system.is_paused(), "the next day has the bound again");
}

#[test]
fn a_month_has_a_bound_of_its_own() {
    let system = System::with(Budget { day: None, month: Some(3.0) });
    // The world begins on 2026-11-18.
    assert_eq!(&contract::timestamp::text(system.world.now())[..10], "2026-11-18");
    for day in 0..4 {
        system.ended(&format!("{day}.jpg"), 1.0);
        system.schedule();
        assert_eq!(system.is_paused(), day == 3, "day {day}");
        system.later(DAY);
    }
    system.later(7 * DAY);
    system.schedule();
    assert!(system.is_paused(), "it is November still");
    system.later(2 * DAY);
    system.schedule();
    assert!(!system.is_paused());
}

#[test]
fn what_an_operator_paused_an_operator_resumes() {
    let system = System::with(a_day(1.0));
    system.world.invoke(system.recorder.pause(PausedBy::Operator, "a bad image")).unwrap().unwrap();
    system.upload("waits.jpg");
    assert_eq!(system.dispatch(), 0);
    system.later(2 * DAY);
    system.schedule();
    assert!(system.is_paused());
    system.world.invoke(system.recorder.resume()).unwrap().unwrap();
    assert!(!system.is_paused());
    assert_eq!(system.dispatch(), 1);
}

#[test]
fn a_crash_between_the_pause_and_the_deliveries_is_mended_by_the_next_schedule() {
    let system = System::with(a_day(1.0));
    system.ended("a.jpg", 2.0);
    system.schedule();
    system.world.inner().delivers = true;
    system.schedule();
    assert!(system.is_paused());
    let value: Value = system.world.inner().requests["lambda:UpdateEventSourceMapping"].into();
    assert_eq!(value, json!(2));
}
