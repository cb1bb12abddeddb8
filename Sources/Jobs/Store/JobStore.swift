public import Generation

/// Where jobs are kept. SQLite's is ``SQLiteJobStore``; another database would be a second one.
///
/// Its calls may block, and are made by one thread at a time: as a rule by ``JobJournal``'s.
public protocol JobStore: Sendable {
    /// Whether what it holds outlives the process. If not, checkpoints are not worth writing.
    var isDurable: Bool { get }

    /// All jobs, to go on with or to show. A job that cannot be read is among the damaged ones.
    ///
    /// - Throws: when nothing can be read, or memory runs out: no job is given up for that.
    func contents() throws(JobStoreError) -> StoreContents

    /// Makes all of the changes, or none; on return they withstand the end of the process and the loss
    /// of power.
    func apply(_ changes: [JobChange]) throws(JobStoreError)

    /// What a watcher of an ended job is told; nil where there is no such job.
    ///
    /// - Throws: damaged, when it is not what was written.
    func history(of id: JobID) throws(JobStoreError) -> StoredHistory?

    /// The files that a job starts from which can be gone on with.
    func pictures(of id: JobID) throws(JobStoreError) -> [StoredPicture]

    /// A finished image; nil where there is none.
    ///
    /// - Throws: damaged, when it is not what was written.
    func image(_ index: Int, of id: JobID) throws(JobStoreError) -> StoredImage?
}

/// Why a store did not do what it was asked.
public struct JobStoreError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// No room.
        case full
        /// There was not enough memory; what is stored is as it was.
        case memory
        /// What is there is not what was written.
        case damaged
        /// Anything else, such as a disk that does not answer.
        case failed
    }

    public var kind: Kind
    public var description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// One thing that happens to a job, as its store is to remember it.
public enum JobChange: Equatable, Sendable {
    /// A new job, taking the place of an ended one of its id. `pictures` are the files that it starts
    /// from.
    case accepted(StoredJob, pictures: [StoredPicture])
    /// A lane has taken it up.
    case started(id: JobID)
    /// Takes the place of its earlier checkpoint.
    case checkpoint(id: JobID, StoredCheckpoint)
    case handedOff(id: JobID, StoredHandoff)
    /// An image is made; its checkpoint is of no more use, and `next` is where the image after it
    /// begins, if not at its first step. With the last one comes the end. Fails where the image before it
    /// is not there.
    case image(
        id: JobID, StoredImage, summary: Event.Summary, next: StoredCheckpoint? = nil,
        ending: StoredEnding?)
    case ended(id: JobID, StoredEnding)
    /// Someone wants it to end, or an early end of it, at its next unit of work.
    case cancelRequested(id: JobID, CancelOutcome)
    /// The server stops; the job goes on after its next start.
    case suspended(id: JobID, remaining: Duration?)
    /// The server has started again, for the `attempt`th time in the job's life. With a plan: it is
    /// begun anew by that, from the image under way.
    case restarted(id: JobID, attempt: Int, crashes: Int, plan: GenerationPlan?)
    /// An ended job is forgotten.
    case removed(id: JobID)

    public var id: JobID {
        switch self {
        case .accepted(let job, _): job.id
        case .started(let id), .checkpoint(let id, _), .handedOff(let id, _),
            .image(let id, _, _, _, _), .ended(let id, _), .suspended(let id, _),
            .cancelRequested(let id, _),
            .restarted(let id, _, _, _), .removed(let id):
            id
        }
    }
}
