internal import Generation
internal import PNGEncoding

/// What a ``PictureStore`` holds, and what gives way to what.
struct PictureShelf {
    /// A file's SHA-256 is no secret: who knows it has not thereby the picture of another tenant.
    private struct Key: Hashable {
        var tenant: String
        var name: String
    }

    private struct Entry: Held {
        var picture: Picture
        /// As it came, for the store of jobs.
        var file: [UInt8]
        var lastUse: UInt64

        var byteCount: Int { picture.pixels.count + file.count }
    }

    private struct Unfinished: Held {
        var bytes: [UInt8]
        var total: Int
        var lastUse: UInt64

        var byteCount: Int { bytes.count }
    }

    enum Outcome {
        case receipt(PictureReceipt)
        /// To be checked and decoded, then ``endDecoding()``.
        case whole([UInt8], name: String)
    }

    private let limits: PictureStore.Limits
    /// Of pixels and files, by tenant.
    var byteMaxima: [String: Int] = [:]
    private var pictures: [Key: Entry] = [:]
    private var unfinished: [Key: Unfinished] = [:]
    private var decodingCount = 0
    /// Of all pixels and files.
    private(set) var byteCount = 0
    private var uses: UInt64 = 0

    init(limits: PictureStore.Limits) {
        self.limits = limits
    }

    var pictureCount: Int { pictures.count }
    var unfinishedCount: Int { unfinished.count }

    mutating func picture(named name: String, of tenant: String = "") -> Picture? {
        let key = Key(tenant: tenant, name: name)
        guard let picture = pictures[key]?.picture else { return nil }
        let use = nextUse()
        pictures[key]?.lastUse = use
        return picture
    }

    func file(named name: String, of tenant: String = "") -> [UInt8]? {
        pictures[Key(tenant: tenant, name: name)]?.file
    }

    mutating func insert(
        _ picture: Picture, file: [UInt8], name: String, of tenant: String = ""
    ) {
        let key = Key(tenant: tenant, name: name)
        remove(picture: key)
        let entry = Entry(picture: picture, file: file, lastUse: nextUse())
        pictures[key] = entry
        byteCount += entry.byteCount
        makeRoom(keeping: key)
    }

    mutating func endDecoding() { decodingCount -= 1 }

    /// - Parameter check: is shown the file's beginning; what it throws ends the file.
    mutating func receive(
        _ piece: PicturePiece, of tenant: String = "",
        check: ([UInt8]) throws(GenerationError) -> Void
    ) throws(GenerationError) -> Outcome {
        try validate(piece)
        let name = PictureStore.name(ofDigest: piece.sha256)
        let key = Key(tenant: tenant, name: name)
        if let picture = picture(named: name, of: tenant) {
            return .receipt(
                PictureReceipt(name: name, received: piece.total, size: picture.size))
        }
        var file =
            unfinished[key] ?? Unfinished(bytes: [], total: piece.total, lastUse: 0)
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
        remove(unfinished: key)
        file.bytes += piece.data
        if piece.offset < PNGDecoder.headerByteCount { try check(file.bytes) }
        if isWhole {
            decodingCount += 1
            return .whole(file.bytes, name: name)
        }
        file.lastUse = nextUse()
        byteCount += file.bytes.count
        let received = file.bytes.count
        unfinished[key] = file
        makeRoom(keeping: key)
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
    private mutating func makeRoom(keeping key: Key) {
        while pictures.count > limits.pictureMaximum || byteCount > limits.byteMaximum,
            let next = Self.nextToGive(pictures, keeping: key)
        {
            remove(picture: next)
        }
        while unfinished.count > limits.unfinishedMaximum || byteCount > limits.byteMaximum,
            let next = Self.nextToGive(unfinished, keeping: key)
        {
            remove(unfinished: next)
        }
        guard let maximum = byteMaxima[key.tenant] else { return }
        while byteCount(of: key.tenant) > maximum,
            let next = Self.oldest(of: key.tenant, in: pictures, keeping: key)
        {
            remove(picture: next)
        }
        while byteCount(of: key.tenant) > maximum,
            let next = Self.oldest(of: key.tenant, in: unfinished, keeping: key)
        {
            remove(unfinished: next)
        }
    }

    private func byteCount(of tenant: String) -> Int {
        Self.byteCounts(pictures)[tenant, default: 0]
            + Self.byteCounts(unfinished)[tenant, default: 0]
    }

    private static func byteCounts(_ items: [Key: some Held]) -> [String: Int] {
        items.reduce(into: [:]) { $0[$1.key.tenant, default: 0] += $1.value.byteCount }
    }

    /// Of the tenant that holds the most, so that nobody fills the shelf for others.
    private static func nextToGive(_ items: [Key: some Held], keeping kept: Key) -> Key? {
        let counts = byteCounts(items.filter { $0.key != kept })
        guard let most = counts.max(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else {
            return nil
        }
        return oldest(of: most.key, in: items, keeping: kept)
    }

    private static func oldest(
        of tenant: String, in items: [Key: some Held], keeping kept: Key
    ) -> Key? {
        items.filter { $0.key.tenant == tenant && $0.key != kept }
            .min { $0.value.lastUse < $1.value.lastUse }?.key
    }

    private mutating func remove(picture key: Key) {
        guard let entry = pictures.removeValue(forKey: key) else { return }
        byteCount -= entry.byteCount
    }

    private mutating func remove(unfinished key: Key) {
        guard let file = unfinished.removeValue(forKey: key) else { return }
        byteCount -= file.byteCount
    }

    private mutating func nextUse() -> UInt64 {
        uses += 1
        return uses
    }
}

/// What takes room on the shelf.
private protocol Held {
    /// Of it.
    var byteCount: Int { get }
    /// Counts up over the whole shelf.
    var lastUse: UInt64 { get }
}
