import Generation
import Metrics
import PNGEncoding
import Testing

@testable import Jobs

/// Pictures that callers send: whole, in pieces, too many, and hostile.
@Suite struct PictureStoreTests {
    let store = PictureStore()

    // MARK: Whole files

    @Test func `a file is named by its SHA-256, and its pixels come back`() throws {
        let picture = Sample(1)
        let name = try store.add(picture.file)
        #expect(name == picture.name)
        #expect(name.count == 64)
        #expect(store.picture(named: name) == picture.picture)
        #expect(store.picture(named: name.uppercased()) == nil)
    }

    @Test(arguments: [
        [], Array("GIF89a".utf8), Array(Sample(1).file.dropLast()),
        Array(Sample(1).file.dropFirst()),
    ])
    func `a file that is no PNG is refused`(file: [UInt8]) throws {
        let error = try #require(throws: GenerationError.self) { try store.add(file) }
        #expect(error.status == .invalidArgument)
        #expect(error.code == "invalidImage")
    }

    // MARK: In pieces

    @Test func `a file may come in any pieces`() throws {
        let sample = Sample(1)
        for count in 1..<sample.file.count {
            let store = PictureStore()
            let receipts = try sample.pieces(of: count).map { try receive($0, by: store).get() }
            #expect(receipts.dropLast().allSatisfy { !$0.isComplete })
            #expect(
                receipts.map(\.received)
                    == sample.pieces(of: count).map { $0.offset + $0.data.count })
            #expect(receipts.last?.size == sample.picture.size)
            #expect(receipts.allSatisfy { $0.name == sample.name })
            #expect(store.picture(named: sample.name) == sample.picture)
        }
    }

    @Test func `a piece from elsewhere is not used, and the receipt says where to go on`() throws {
        let pieces = Sample(1).pieces(of: 30)
        func offset(after piece: PicturePiece) throws -> Int {
            try receive(piece, by: store).get().received
        }
        #expect(try offset(after: pieces[1]) == 0)
        #expect(try offset(after: pieces[0]) == 30)
        #expect(try offset(after: pieces[0]) == 30)
        #expect(try offset(after: pieces[2]) == 30)
        #expect(try offset(after: pieces[1]) == 60)
    }

    @Test func `a picture that is here needs no more pieces`() throws {
        let sample = Sample(1)
        _ = try store.add(sample.file)
        let receipt = try receive(sample.pieces(of: 10)[0], by: store).get()
        #expect(receipt.isComplete && receipt.received == sample.file.count)
    }

    @Test func `a file that is not what its SHA-256 says is dropped`() throws {
        var sample = Sample(1)
        let other = Sample(2)
        sample.sha256 = other.sha256
        let replies = sample.pieces(of: 40).map { receive($0, by: store) }
        #expect(throws: GenerationError.self) { try replies.last?.get() }
        #expect(store.picture(named: other.name) == nil)
        // And nothing is in the way of the right one.
        for piece in other.pieces(of: 40) { _ = try receive(piece, by: store).get() }
        #expect(store.picture(named: other.name) == other.picture)
    }

    @Test func `what is no picture is refused with its first piece`() throws {
        var piece = Sample(1).pieces(of: 30)[0]
        piece.data[1] = 0
        #expect(try failure(of: piece).code == "invalidImage")
        // Too large for any job, whatever would follow.
        piece = Sample(1).pieces(of: 30)[0]
        piece.data.replaceSubrange(16..<20, with: [0x7F, 0xFF, 0xFF, 0xFF])
        let error = try failure(of: piece)
        #expect(error.code == "invalidImage")
        #expect(error.message.contains("2048"))
    }

    @Test(arguments: [
        Wrong("a short digest", "sha256") { $0.sha256.removeLast() },
        Wrong("no digest", "sha256") { $0.sha256 = [] },
        Wrong("no length", "total") { $0.total = 0 },
        Wrong("too much", "total") { $0.total = 16 << 20 + 1 },
        Wrong("more than any file", "total") { $0.total = .max },
        Wrong("a negative offset", "offset") { $0.offset = -1 },
        Wrong("an offset at the end", "offset") { $0.offset = $0.total },
        Wrong("an offset beyond numbers", "offset") { $0.offset = .max },
        Wrong("more than the rest", "offset") { $0.offset = $0.total - 1 },
        Wrong("no data", "offset") { $0.data = [] },
    ])
    func `a piece that cannot be is refused`(wrong: Wrong) throws {
        var piece = Sample(1).pieces(of: 30)[0]
        wrong.change(&piece)
        let error = try failure(of: piece)
        #expect(error.status == .invalidArgument)
        #expect(error.fields == [wrong.field])
    }

    @Test func `another length for the same digest is refused`() throws {
        var pieces = Sample(1).pieces(of: 30)
        _ = try receive(pieces[0], by: store).get()
        pieces[1].total += 1
        #expect(try failure(of: pieces[1]).fields == ["total"])
    }

    // MARK: Limits

    @Test func `the picture not used for longest gives way`() throws {
        var limits = PictureStore.Limits()
        limits.pictureMaximum = 2
        let store = PictureStore(limits: limits)
        let names = try (1...2).map { try store.add(Sample($0).file) }
        #expect(store.picture(named: names[0]) != nil)
        let third = try store.add(Sample(3).file)
        #expect(store.picture(named: names[1]) == nil)
        #expect(store.picture(named: names[0]) != nil)
        #expect(store.picture(named: third) != nil)
    }

    @Test func `pixels and unfinished files share one budget`() throws {
        var limits = PictureStore.Limits()
        limits.byteMaximum = 3 * Sample.pixelByteCount
        var shelf = PictureShelf(limits: limits)
        for index in 1...5 { shelf.insert(Sample(index).picture, file: [], name: "\(index)") }
        #expect(shelf.byteCount == limits.byteMaximum)
        #expect(
            ["1", "2", "3", "4", "5"].map { shelf.picture(named: $0) != nil } == [
                false, false, true, true, true,
            ])
        _ = try shelf.receive(Sample(6).pieces(of: 60)[0]) { _ in }
        #expect(shelf.pictureCount == 2)
        #expect(shelf.byteCount == 2 * Sample.pixelByteCount + 60)
    }

    @Test func `the unfinished file touched least recently gives way`() throws {
        var limits = PictureStore.Limits()
        limits.unfinishedMaximum = 2
        var shelf = PictureShelf(limits: limits)
        for index in 1...3 { _ = try shelf.receive(Sample(index).pieces(of: 30)[0]) { _ in } }
        #expect(shelf.unfinishedCount == 2)
        #expect(shelf.byteCount == 60)
        // The first begins anew.
        guard
            case .receipt(let receipt) = try shelf.receive(
                Sample(1).pieces(of: 30)[1], check: { _ in })
        else { return }
        #expect(receipt.received == 0)
    }

    @Test func `so many files may wait to be decoded, and no more`() throws {
        var limits = PictureStore.Limits()
        limits.decodingMaximum = 1
        var shelf = PictureShelf(limits: limits)
        let (first, second) = (Sample(1).pieces(of: 1000)[0], Sample(2).pieces(of: 1000)[0])
        _ = try shelf.receive(first) { _ in }
        let error = #expect(throws: GenerationError.self) { _ = try shelf.receive(second) { _ in } }
        #expect(error?.status == .resourceExhausted && error?.retryable == true)
        shelf.endDecoding()
        guard case .whole(let file, _) = try shelf.receive(second, check: { _ in }) else {
            Issue.record("the second file is not whole")
            return
        }
        #expect(file == Sample(2).file)
    }

    // MARK: Help

    struct Wrong: Sendable, CustomStringConvertible {
        let description: String
        let field: String
        let change: @Sendable (inout PicturePiece) -> Void

        init(
            _ description: String, _ field: String,
            _ change: @escaping @Sendable (inout PicturePiece) -> Void
        ) {
            self.description = description
            self.field = field
            self.change = change
        }
    }

    private func failure(of piece: PicturePiece) throws -> GenerationError {
        try #require(throws: GenerationError.self) { try receive(piece, by: store).get() }
    }
}

/// A small picture, another for each number, and its file.
func receive(
    _ piece: PicturePiece, of tenant: String = "", by store: PictureStore
) -> Result<PictureReceipt, GenerationError> {
    let reply = Protected(Result<PictureReceipt, GenerationError>?.none)
    store.receive(piece, of: tenant) { result in
        reply.withLock { $0 = result }
        reply.notify()
    }
    return reply.wait { $0 }
}

/// A small picture and its file.
struct Sample {
    static let pixelByteCount = 8 * 16 * 3

    let picture: Picture
    let file: [UInt8]
    var sha256: [UInt8]

    var name: String { PictureStore.name(ofDigest: sha256) }

    init(_ number: Int) {
        let size = ImageSize(height: 8, width: 16)
        picture = Picture(
            size: size,
            pixels: (0..<Self.pixelByteCount).map { UInt8(truncatingIfNeeded: $0 * number) })
        do {
            file = try PNGEncoder().encode(
                DecodedImage(imageIndex: 0, size: size, seed: 1, pixels: picture.pixels))
        } catch {
            fatalError("\(error)")
        }
        sha256 = SHA256.digest(of: file)
    }

    func pieces(of count: Int) -> [PicturePiece] {
        stride(from: 0, to: file.count, by: count).map { offset in
            PicturePiece(
                data: Array(file[offset..<min(offset + count, file.count)]), offset: offset,
                total: file.count, sha256: sha256)
        }
    }
}
