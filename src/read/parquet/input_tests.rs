//! Whatever is asked for comes, exactly, and neighbours come with one request.

use std::thread;

use super::*;

/// Runs against an object of these bytes; gives what was asked of it.
fn with_object<T: Send>(bytes: &[u8], act: impl FnOnce(&ObjectInput) -> T + Send) -> (T, Vec<Range<u64>>) {
    let (sender, mut receiver) = mpsc::channel(1);
    let size = u64::try_from(bytes.len()).unwrap();
    thread::scope(|scope| {
        let acting = scope.spawn(move || act(&ObjectInput::new(size, sender)));
        let mut fetched = Vec::new();
        while let Some(message) = receiver.blocking_recv() {
            let FromWorker::Fetch(range, reply) = message else {
                continue;
            };
            let place = |position| usize::try_from(position).unwrap();
            let part = bytes[place(range.start)..place(range.end)].to_vec();
            reply.send(part.into()).unwrap();
            fetched.push(range);
        }
        (acting.join().unwrap(), fetched)
    })
}

fn object(size: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(size).collect()
}

#[test]
fn the_end_is_read_at_once_and_a_small_object_altogether() {
    let bytes = object(1_000);
    let (parts, fetched) = with_object(&bytes, |input| {
        input.read_tail().unwrap();
        (
            input.get_bytes(992, 8).unwrap(),
            input.get_bytes(0, 1_000).unwrap(),
        )
    });
    assert_eq!((&parts.0[..], &parts.1[..]), (&bytes[992..], &bytes[..]));
    assert_eq!(fetched, vec![Range { start: 0, end: 1_000 }]);
}

#[test]
fn parts_are_read_ahead_to_their_end_and_no_further() {
    let bytes = object(300_000);
    let ((), fetched) = with_object(&bytes, |input| {
        input.read_parts([1_000..200_000, 200_000..200_010].into_iter());
        for start in (1_000..200_000).step_by(500) {
            let part = input.get_bytes(start, 500).unwrap();
            let start = usize::try_from(start).unwrap();
            assert_eq!(part, bytes[start..start + 500]);
        }
        assert_eq!(input.get_bytes(200_000, 10).unwrap(), bytes[200_000..200_010]);
        assert_eq!(input.get_bytes(250_000, 3).unwrap(), bytes[250_000..250_003]);
    });
    assert_eq!(fetched, [1_000..200_000, 200_000..200_010, 250_000..250_003]);
}

#[test]
fn a_reader_goes_on_through_windows_and_ends_at_the_end() {
    let bytes = object(5 << 20);
    let (read, fetched) = with_object(&bytes, |input| {
        input.read_parts(std::iter::once(0..5 << 20));
        let mut read = Vec::new();
        input.get_read(100).unwrap().read_to_end(&mut read).unwrap();
        read
    });
    assert!(read == bytes[100..], "other bytes");
    assert_eq!(fetched, [100..(4 << 20) + 100, (4 << 20) + 100..5 << 20]);
}

#[test]
fn what_lies_outside_or_is_too_much_is_refused() {
    let (errors, fetched) = with_object(&object(100), |input| {
        [input.get_bytes(90, 11), input.get_bytes(u64::MAX, 2)].map(|result| result.unwrap_err().to_string())
    });
    assert!(errors.iter().all(|error| error.contains("of 100")), "{errors:?}");
    assert!(fetched.is_empty(), "{fetched:?}");
}

#[test]
fn whoever_reads_ends_when_nobody_answers() {
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let input = ObjectInput::new(100, sender);
    assert!(input.get_bytes(0, 10).is_err(), "there is nobody to ask");
}
