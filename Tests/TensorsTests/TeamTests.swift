import CAllocationCounter
import CKernels
import Testing

/// The threads of a lane, of which more or fewer take part from loop to loop.
struct TeamTests {
    /// A worker that is left out may wake late, when the next loop, which it is part of, is being set up:
    /// it must not take that one up twice.
    @Test func `each tile is done once before a loop ends, whoever was left out of the last one`()
        throws
    {
        let team = try #require(refinery_team_create(6))
        defer { refinery_team_destroy(team) }
        // How often each tile is done, and by whom: [16, 2].
        let tally = UnsafeMutablePointer<Int32>.allocate(capacity: 32)
        defer { tally.deallocate() }
        var wrong = 0
        for loop in 0..<5_000 {
            let threads = loop % 2 == 0 ? 2 : 6
            tally.initialize(repeating: 0, count: 32)
            refinery_team_run(
                team, threads, 16,
                { context, index, worker in
                    guard let tally = context?.assumingMemoryBound(to: Int32.self) else { return }
                    tally[2 * index] += 1
                    tally[2 * index + 1] = Int32(worker)
                }, tally)
            for index in 0..<16
            where tally[2 * index] != 1 || tally[2 * index + 1] >= threads {
                wrong += 1
            }
        }
        #expect(wrong == 0)
    }

    @Test(
        .enabled(if: refinery_allocations_counted(), "a sanitizer has an allocator of its own"),
        arguments: [1, 3], [false, true])
    func `is not made where memory runs out, and nothing is left of it`(threads: Int, lasts: Bool) {
        for number in 1... {
            refinery_allocations_begin()
            refinery_allocations_fail(number, lasts)
            let team = refinery_team_create(threads)
            refinery_team_destroy(team)
            let taken = refinery_allocations_end()
            // glibc keeps what belongs to a thread's stack for the next thread.
            #expect(threads > 1 || taken.live_byte_count == 0, "allocation \(number)")
            if team != nil {
                #expect(number > 2)
                return
            }
        }
    }
}
