internal import CVocabulary

/// CLIP's merges by the ids of what they join.
///
/// The published vocabulary follows from the merges alone. Its ids are, in order: the 256 symbols
/// that stand for a byte, the same 256 at the end of a word (`</w>`), one token per merge in the
/// order of `merges.txt`, and the start and end tokens. So a merge's rank and its token's id are
/// one number, and no text of a token is kept.
struct MergeTable: Sendable {
    /// First of the symbols that end a word: a byte's symbol there is this much higher.
    static let endOfWord: Int32 = 256

    /// Symbol of each byte inside a word.
    let symbols: [Int32]
    /// Tokens without the start and end tokens.
    let tokenCount: Int32
    private let merged: [UInt64: Int32]

    /// The token that two neighbours make; nil if they stay apart. Of several possible merges the
    /// one with the lowest result comes first.
    func merge(_ left: Int32, _ right: Int32) -> Int32? {
        merged[Self.key(left, right)]
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Reads the embedded `merges.txt`: a version line, then two tokens a line.
    init() {
        let alphabet = ByteAlphabet()
        symbols = alphabet.symbols

        var tokens = TokenNumbering()
        for scalar in alphabet.texts { tokens.add(TextHash(String(scalar).utf8)) }
        for scalar in alphabet.texts { tokens.add(TextHash("\(scalar)</w>".utf8)) }

        var merged: [UInt64: Int32] = [:]
        merged.reserveCapacity(TokenNumbering.capacity)
        var byteCount = 0
        let start = refinery_merges(&byteCount)
        let text = UnsafeRawBufferPointer(start: start, count: byteCount)
        for line in text.split(separator: UInt8(ascii: "\n")).dropFirst() {
            guard let space = line.firstIndex(of: UInt8(ascii: " ")) else {
                preconditionFailure("merges.txt has a line that is not two tokens")
            }
            let left = TextHash(line[..<space])
            let right = line[(space + 1)...]
            merged[Self.key(tokens[left], tokens[TextHash(right)])] =
                tokens.add(left.appending(right))
        }
        self.merged = merged
        tokenCount = tokens.count
    }
}

/// The 256 characters by which the vocabulary's files write bytes, in the order of their ids: first
/// the bytes that print in Latin-1 as themselves, then U+0100 and on for the others.
private struct ByteAlphabet {
    var texts: [Unicode.Scalar] = []
    var symbols = [Int32](repeating: 0, count: 256)

    init() {
        let printing = [UInt8(33)...126, 161...172, 174...255].joined()
        let others = (UInt8.min...UInt8.max).filter { !printing.contains($0) }
        for (id, byte) in (printing + others).enumerated() { symbols[Int(byte)] = Int32(id) }
        texts = printing.map { Unicode.Scalar($0) }
        texts += others.indices.compactMap { Unicode.Scalar(0x100 + $0) }
    }
}

/// Numbers tokens as they come, and finds them again by the hash of their text.
private struct TokenNumbering {
    static let capacity = 1 << 16

    private(set) var count: Int32 = 0
    private var ids: [TextHash: Int32] = [:]

    init() { ids.reserveCapacity(Self.capacity) }

    @discardableResult
    mutating func add(_ text: TextHash) -> Int32 {
        let earlier = ids.updateValue(count, forKey: text)
        precondition(earlier == nil, "two tokens of merges.txt have one hash")
        count += 1
        return count - 1
    }

    /// Merges join tokens that were there before.
    subscript(text: TextHash) -> Int32 {
        guard let id = ids[text] else { preconditionFailure("merges.txt joins an unknown token") }
        return id
    }
}

/// A token's text as its 64-bit FNV-1a hash, which stands for it: ``TokenNumbering`` makes sure that
/// no two tokens share one. The hash of two texts joined continues that of the first.
private struct TextHash: Hashable {
    private var value: UInt64 = 0xcbf2_9ce4_8422_2325

    init(_ bytes: some Sequence<UInt8>) { append(bytes) }

    func appending(_ bytes: some Sequence<UInt8>) -> TextHash {
        var joined = self
        joined.append(bytes)
        return joined
    }

    private mutating func append(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
}
