internal import Dispatch
public import Generation
internal import Locking
internal import PNGEncoding

/// Pictures that callers have sent, named by the SHA-256 of their files, in memory: decoded, since a
/// file that does not decode is refused at once. Requests name them, each tenant's its own. When room is
/// needed, the one not used for longest gives way, of the tenant that holds the most. A job that has
/// begun keeps its own.
///
/// Any thread may call, the event loop too: hashing and decoding a whole file happens elsewhere.
public final class PictureStore: Sendable {
    public struct Limits: Sendable {
        /// The largest PNG file, in bytes.
        public var fileByteMaximum = 16 << 20
        /// Pixels and files together, in bytes; the pictures used least recently, then the
        /// unfinished files touched least recently, give way.
        public var byteMaximum = 256 << 20
        public var pictureMaximum = 256
        /// Files that are not whole yet; the one touched least recently gives way.
        public var unfinishedMaximum = 16
        /// Files that wait to be decoded, beyond `byteMaximum`; one more is refused with
        /// RESOURCE_EXHAUSTED.
        public var decodingMaximum = 8
        /// Sizes that a job could not have are refused.
        public var generation: GenerationLimits

        public init(generation: GenerationLimits = GenerationLimits()) {
            self.generation = generation
        }
    }

    private let limits: Limits
    private let decoder: PNGDecoder
    private let shelf: Locked<PictureShelf>
    private let worker = DispatchQueue(label: "pictures")

    public init(limits: Limits = Limits()) {
        self.limits = limits
        decoder = PNGDecoder(
            sideMaximum: limits.generation.sideMaximum,
            pixelMaximum: limits.generation.pixelMaximum)
        shelf = Locked(PictureShelf(limits: limits))
    }

    /// The tenant's picture of that name; using it keeps it.
    public func picture(named name: String, of tenant: String = "") -> Picture? {
        shelf.withLock { $0.picture(named: name, of: tenant) }
    }

    /// Bytes of pixels and files that each tenant may hold; one that is not named has only
    /// ``Limits/byteMaximum``. Takes effect as new pictures come.
    func setByteMaxima(_ maxima: [String: Int]) {
        shelf.withLock { $0.byteMaxima = maxima }
    }

    /// The files that a job starts from, as they came.
    ///
    /// - Throws: UNAVAILABLE when one has given way to others a moment ago.
    func files(
        of job: GenerationJob, tenant: String
    ) throws(GenerationError) -> [StoredPicture] {
        var files: [StoredPicture] = []
        for name in [job.imageInput?.seedImageName, job.imageInput?.maskImageName] {
            guard let name else { continue }
            guard let file = shelf.withLock({ $0.file(named: name, of: tenant) }) else {
                throw GenerationError(
                    .unavailable, code: "imageNotFound",
                    "The picture \(name) has just given way to newer ones. Upload it again, then send "
                        + "the request again.", fields: ["seedImage"], retryable: true)
            }
            files.append(StoredPicture(name: name, file: file))
        }
        return files
    }

    /// Takes a whole file.
    ///
    /// - Returns: its name.
    /// - Throws: INVALID_ARGUMENT for a file that is no sound PNG within the limits, RESOURCE_EXHAUSTED
    ///   without the memory to decode it.
    public func add(
        _ file: [UInt8], of tenant: String = ""
    ) throws(GenerationError) -> String {
        let name = Self.name(ofDigest: SHA256.digest(of: file))
        let picture = try decode(file)
        shelf.withLock { $0.insert(picture, file: file, name: name, of: tenant) }
        return name
    }

    /// Takes one piece of a file. Pieces may come on any connection; one that does not begin where the
    /// last ended is not used, and the receipt says where to go on.
    ///
    /// - Parameter reply: called once: before this returns, or from another thread when the piece is the
    ///   last. Errors: INVALID_ARGUMENT for a file or piece that is wrong in itself,
    ///   RESOURCE_EXHAUSTED when too many files wait to be decoded.
    public func receive(
        _ piece: PicturePiece, of tenant: String = "",
        reply: @escaping @Sendable (Result<PictureReceipt, GenerationError>) -> Void
    ) {
        do throws(GenerationError) {
            let outcome = try shelf.withLock { shelf throws(GenerationError) in
                try shelf.receive(piece, of: tenant) { beginning throws(GenerationError) in
                    try checkBeginning(beginning)
                }
            }
            switch outcome {
            case .receipt(let receipt): reply(.success(receipt))
            case .whole(let file, let name):
                worker.async { [self] in reply(finish(file, name: name, of: tenant)) }
            }
        } catch {
            reply(.failure(error))
        }
    }

    private func finish(
        _ file: [UInt8], name: String, of tenant: String
    ) -> Result<PictureReceipt, GenerationError> {
        let result = Result { () throws(GenerationError) in
            guard Self.name(ofDigest: SHA256.digest(of: file)) == name else {
                throw .invalid(
                    "sha256", code: "invalidSha256",
                    "The file that arrived has another SHA-256 than \(name). Send it again, from the "
                        + "start.")
            }
            return try decode(file)
        }
        return shelf.withLock { shelf in
            shelf.endDecoding()
            return result.map { picture in
                shelf.insert(picture, file: file, name: name, of: tenant)
                return PictureReceipt(name: name, received: file.count, size: picture.size)
            }
        }
    }

    private func decode(_ file: [UInt8]) throws(GenerationError) -> Picture {
        do {
            return try decoder.decode(file)
        } catch {
            throw Self.refusal(error)
        }
    }

    /// Refuses what cannot become a picture before the rest of it has arrived.
    private func checkBeginning(_ bytes: [UInt8]) throws(GenerationError) {
        do throws(PNGDecodingError) {
            _ = try decoder.size(ofFileBeginning: bytes)
        } catch {
            if case .truncated = error { return }
            throw Self.refusal(error)
        }
    }

    private static func refusal(_ error: PNGDecodingError) -> GenerationError {
        if case .outOfMemory = error {
            return GenerationError(
                .resourceExhausted, code: "invalidImage",
                "The picture cannot be taken: \(error). Try again later.", fields: ["data"],
                retryable: true)
        }
        return .invalid("data", code: "invalidImage", "The picture cannot be taken: \(error).")
    }

    static func name(ofDigest digest: [UInt8]) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
