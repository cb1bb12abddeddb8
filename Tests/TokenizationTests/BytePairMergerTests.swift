import Testing

@testable import Tokenization

@Suite struct BytePairMergerTests {
    static let table = MergeTable()

    /// The published algorithm at its plainest: find the best pair, merge it, start again.
    static func merged(_ word: String) -> [Int32] {
        var tokens = word.utf8.map { table.symbols[Int($0)] }
        tokens[tokens.count - 1] += MergeTable.endOfWord
        while true {
            let merges = tokens.indices.dropLast().compactMap { index in
                table.merge(tokens[index], tokens[index + 1]).map { (token: $0, index: index) }
            }
            guard let best = merges.min(by: { ($0.token, $0.index) < ($1.token, $1.index) }) else {
                return tokens
            }
            tokens.replaceSubrange(best.index...(best.index + 1), with: [best.token])
        }
    }

    @Test func `the table holds every token of the published vocabulary`() {
        #expect(Self.table.tokenCount == 49406)
        // Ids in vocab.json: "!" and "~" bracket ASCII, then U+00A1, then the first other byte.
        #expect(Self.table.symbols[0x21] == 0)
        #expect(Self.table.symbols[0x7E] == 93)
        #expect(Self.table.symbols[0xA1] == 94)
        #expect(Self.table.symbols[0xFF] == 187)
        #expect(Self.table.symbols[0x00] == 188)
        #expect(Self.table.symbols[0xAD] == 255)
        #expect(Set(Self.table.symbols).count == 256)
    }

    @Test func `the heap finds the same tokens as a plain search`() {
        var merger = BytePairMerger(Self.table)
        var generator = SystemRandomNumberGenerator()
        let alphabets = [Array("aeinorst"), Array("a"), Array("?!."), Array("éü日猫😀")]
        for alphabet in alphabets {
            for count in 1...60 {
                let word = String(
                    (0..<count).map { _ in
                        alphabet[Int.random(in: alphabet.indices, using: &generator)]
                    })
                var tokens: [Int32] = []
                merger.append(tokensOf: word[...].utf8, to: &tokens)
                #expect(tokens == Self.merged(word), "\(word)")
            }
        }
    }
}
