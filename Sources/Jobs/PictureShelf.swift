internal import Generation
internal import PNGEncoding

/// What a ``PictureStore`` holds, and what gives way to what.
struct PictureShelf {
    private struct Entry {
        var picture: Picture
        /// As it came, for the store of jobs.
        var file: [UInt8]
        var lastUse: UInt64
    }

    private struct Unfinished {
        var bytes: [UInt8]
        var total: Int
        var lastUse: UInt64
    }

    enum Outcome {
        case receipt(PictureReceipt)
        /// To be checked and decoded, then ``endDecoding()``.
        case whole([UInt8], name: String)
    }

    private let limits: PictureStore.Limits
    private var pictures: [String: Entry] = [:]
    private var unfinished: [String: Unfinished] = [:]
    private var decodingCount = 0
    /// Of all pixels and files.
    private(set) var byteCount = 0
    private var uses: UInt64 = 0

    init(limits: PictureStore.Limits) {
        self.limits = limits
    }

    var pictureCount: Int { pictures.count }
    var unfinishedCount: Int { unfinished.count }

    mutating func picture(named name: String) -> Picture? {
        guard let picture = pictures[name]?.picture else { return nil }
        let use = nextUse()
        pictures[name]?.lastUse = use
        return picture
    }

    func file(named name: String) -> [UInt8]? { pictures[name]?.file }

    mutating func insert(_ picture: Picture, file: [UInt8], name: String) {
        remove(picture: name)
        pictures[name] = Entry(picture: picture, file: file, lastUse: nextUse())
        byteCount += picture.pixels.count + file.count
        makeRoom(keeping: name)
    }

    mutating func endDecoding() { decodingCount -= 1 }

    /// - Parameter check: is shown the file's beginning; what it throws ends the file.
    mutating func receive(
        _ piece: PicturePiece, check: ([UInt8]) throws(GenerationError) -> Void
    ) throws(GenerationError) -> Outcome {
        try validate(piece)
        let name = PictureStore.name(ofDigest: piece.sha256)
        if let picture = picture(named: name) {
            return .receipt(
                PictureReceipt(name: name, received: piece.total, size: picture.size))
        }
        var file =
            unfinished[name] ?? Unfinished(bytes: [], total: piece.total, lastUse: 0)
        guard file.total == piece.total else {
            throw .invalid(
                "total", code: "invalidTotal",
                "total is \(piece.total), and was \(file.total) for this SHA-256: it is the same in "
                    + "all pieces of a file.")
        }
        guard piece.offset == file.bytes.count else {
            return .receipt(PictureReceipt(name: name, received: file.bytes.count, size: nil))
        }
        let isWhole = piece.offset + piece.data.count == piece.total
        guard !isWhole || decodingCount < limits.decodingMaximum else {
            throw GenerationError(
                .resourceExhausted, code: "tooManyUploads",
                "\(decodingCount) pictures wait to be decoded. Send this piece again in a moment.",
                retryable: true)
        }
        // Out of the table while it grows, so that its bytes are not copied.
        remove(unfinished: name)
        file.bytes += piece.data
        if piece.offset < PNGDecoder.headerByteCount { try check(file.bytes) }
        if isWhole {
            decodingCount += 1
            return .whole(file.bytes, name: name)
        }
        file.lastUse = nextUse()
        byteCount += file.bytes.count
        let received = file.bytes.count
        unfinished[name] = file
        makeRoom(keeping: name)
        return .receipt(PictureReceipt(name: name, received: received, size: nil))
    }

    private func validate(_ piece: PicturePiece) throws(GenerationError) {
        guard piece.sha256.count == 32 else {
            throw .invalid(
                "sha256", code: "invalidSha256",
                "sha256 has \(piece.sha256.count) bytes: it must be the 32 of the whole file's.")
        }
        guard (1...limits.fileByteMaximum).contains(piece.total) else {
            throw .invalid(
                "total", code: "invalidTotal",
                "total is \(piece.total): a file may have 1 to \(limits.fileByteMaximum) bytes.")
        }
        guard !piece.data.isEmpty, (0..<piece.total).contains(piece.offset),
            piece.data.count <= piece.total - piece.offset
        else {
            throw .invalid(
                "offset", code: "invalidOffset",
                "\(piece.data.count) bytes from offset \(piece.offset) are no piece of a file of "
                    + "\(piece.total).")
        }
    }

    /// Down to the limits again; what has just come stays.
    private mutating func makeRoom(keeping name: String) {
        while pictures.count > limits.pictureMaximum || byteCount > limits.byteMaximum {
            let oldest = pictures.filter { $0.key != name }.min {
                $0.value.lastUse < $1.value.lastUse
            }
            guard let oldest else { break }
            remove(picture: oldest.key)
        }
        while unfinished.count > limits.unfinishedMaximum || byteCount > limits.byteMaximum {
            let oldest = unfinished.filter { $0.key != name }
                .min { $0.value.lastUse < $1.value.lastUse }
            guard let oldest else { break }
            remove(unfinished: oldest.key)
        }
    }

    private mutating func remove(picture name: String) {
        guard let entry = pictures.removeValue(forKey: name) else { return }
        byteCount -= entry.picture.pixels.count + entry.file.count
    }

    private mutating func remove(unfinished name: String) {
        guard let file = unfinished.removeValue(forKey: name) else { return }
        byteCount -= file.bytes.count
    }

    private mutating func nextUse() -> UInt64 {
        uses += 1
        return uses
    }
}
