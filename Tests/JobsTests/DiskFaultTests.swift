import CFaultyFiles
import Foundation
import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// What a disk may do below SQLite, at every single operation of a short life of a server: it opens its store,
/// makes two jobs' pictures, stops, starts again.
///
/// Whatever happens no wrong picture is told, every job comes to an end, and the server takes the next one.
/// Where the disk says what it did not do, nothing that was kept is lost either. Where it says nothing (a torn
/// write, a flipped bit) SQLite's and our own sums find it, and what cannot be read ends with DATA_LOSS or
/// is made again.
@Suite(.serialized) struct `A disk that fails below SQLite` {
    enum Kind: CaseIterable {
        case writeFails, diskFull, syncFails, truncateFails, tornWrite, flippedBit

        var fault: RefineryFault {
            switch self {
            case .writeFails: .writeFails
            case .diskFull: .diskFull
            case .syncFails: .syncFails
            case .truncateFails: .truncateFails
            case .tornWrite: .tornWrite
            case .flippedBit: .flippedBit
            }
        }

        /// Whether SQLite is told.
        var isReported: Bool { self != .tornWrite && self != .flippedBit }
    }

    init() { refinery_faults_install() }

    @Test(arguments: Kind.allCases, [false, true])
    func `never gives a wrong picture, nor stops the server`(kind: Kind, lasts: Bool) throws {
        var number = 1
        // Where a fault lasts, its neighbours are much alike.
        while try live(kind, number, lasts: lasts) { number += lasts ? 3 : 1 }
        // There were some to fail, but for truncations.
        #expect(number > 10 || kind == .truncateFails, "\(number)")
    }

    /// - Returns: whether there was an operation of that number to go wrong.
    private func live(_ kind: Kind, _ number: Int, lasts: Bool) throws -> Bool {
        let place = "\(kind) \(number)\(lasts ? " and all after it" : "")"
        let directory = fastDirectory + "/refinery-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        refinery_faults_arm(directory, kind.fault, number, lasts ? 1 : 0)
        var kept: Set<String> = []
        if let scheduler = try? Self.scheduler(directory) {
            for id in ["a", "b"] where try make(id, scheduler, place) == nil { kept.insert(id) }
            let happened = refinery_faults_disarm() != 0
            // The disk works again.
            let error = try make("c", scheduler, place)
            if kind.isReported { #expect(error == nil, "\(place): \(error?.message ?? "")") }
            if error == nil { kept.insert("c") }
            #expect(scheduler.metrics.snapshot.jobs.addsUp)
            scheduler.stop(drain: true)
            if !happened { return false }
        } else {
            #expect(refinery_faults_disarm() != 0, "\(place): refused without a fault")
        }
        try startAgain(directory, kept: kept, kind, place)
        return true
    }

    private func startAgain(
        _ directory: String, kept: Set<String>, _ kind: Kind, _ place: String
    ) throws {
        let scheduler: JobScheduler
        do {
            scheduler = try Self.scheduler(directory)
        } catch {
            // A file that can only be repaired by hand is said to be so, and never guessed at.
            #expect(!kind.isReported, "\(place): \(error)")
            return
        }
        defer { scheduler.stop(drain: true) }
        for id in ["a", "b", "c"] {
            let isKnown = (try? scheduler.job(JobID(id))) != nil
            if kept.contains(id), kind.isReported {
                #expect(isKnown, "\(place): \(id) is gone")
            }
            let error = try make(id, scheduler, place)
            if kind.isReported {
                #expect(error == nil, "\(place): \(id), \(error?.message ?? "")")
            }
        }
    }

    /// Asks for a job's pictures, new or kept.
    ///
    /// - Returns: how it ended.
    private func make(
        _ id: String, _ scheduler: JobScheduler, _ place: String
    ) throws -> GenerationError? {
        let asked = request(id, images: id == "a" ? 2 : 1)
        let recorder = Recorder()
        do throws(GenerationError) {
            try scheduler.submit(asked, observer: recorder.observe)
        } catch {
            #expect(error.status == .unavailable || error.status == .resourceExhausted)
            return error
        }
        let error = recorder.waitForEnd()
        if let error {
            let allowed: [StatusCode] = [.unavailable, .resourceExhausted, .dataLoss]
            #expect(allowed.contains(error.status), "\(place): \(error)")
        } else {
            #expect(recorder.images.count == asked.numberResults)
        }
        for image in recorder.images {
            #expect(image.png == Expected.png(of: asked, image.imageIndex), "\(place): \(id)")
        }
        #expect(recorder.complaints.isEmpty)
        return error
    }

    private static func scheduler(_ directory: String) throws -> JobScheduler {
        try JobScheduler(
            generator: FakeGenerator(), store: SQLiteJobStore(directory: directory),
            configuration: .eager)
    }
}
