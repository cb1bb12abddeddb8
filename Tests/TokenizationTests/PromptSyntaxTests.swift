import Foundation
import TestSupport
import Testing
import Tokenization

@Suite struct `Weights in prompts` {
    struct Vectors: Decodable {
        var weights: Weights

        struct Weights: Decodable { var parsed: [Parsed] }

        struct Parsed: Decodable, CustomTestStringConvertible {
            var syntax: String
            var prompt: String
            var parts: [Part]

            var testDescription: String { "\(syntax): \(prompt)" }
        }

        struct Part: Decodable {
            var text: String
            var weight: Double
        }
    }

    static let syntaxes: [String: PromptSyntax] = ["compel": .compel, "sdEmbeds": .sdEmbeds]

    static let parsed: [Vectors.Parsed] = {
        do {
            return try JSONDecoder().decode(
                Vectors.self, from: Repository.reference("conditioning.json")
            ).weights.parsed
        } catch {
            fatalError("Tests/References/conditioning.json cannot be read: \(error)")
        }
    }()

    @Test(arguments: parsed) func `are read as the library reads them`(
        wanted: Vectors.Parsed
    ) throws {
        let syntax = try #require(Self.syntaxes[wanted.syntax])
        let got = try syntax.parse(wanted.prompt)
        #expect(got.map(\.text) == wanted.parts.map(\.text))
        #expect(got.count == wanted.parts.count)
        for (got, wanted) in zip(got, wanted.parts) {
            #expect(abs(got.weight - wanted.weight) <= 1e-12, "\(got.text)")
        }
    }

    @Test(arguments: [
        (PromptSyntax.sdEmbeds, "a (b:1.2.3)", 6, "no number"),
        (.sdEmbeds, "(a:.)", 4, "no number"),
        (.sdEmbeds, "((a:50):50)", 3, "2500"),
        (.sdEmbeds, "x (a:-101)", 4, "100"),
        (.sdEmbeds, "(a:1" + String(repeating: "0", count: 400) + ")", 2, "inf"),
        (.sdEmbeds, String(repeating: "(", count: 33), 33, "at most 32"),
        (.sdEmbeds, String(repeating: "([", count: 17), 33, "at most 32"),
        (.compel, "a (red fox", 3, "not closed"),
        (.compel, "a \"red fox", 3, "not closed"),
        (.compel, "\"a (b\" c)", 4, "not closed"),
        (.compel, "(a + b)1.2", 4, "backslash"),
        (.compel, "(a = b)", 4, "backslash"),
        (.compel, "(a)101", 2, "100"),
        (.compel, "(a, b).blend(1, 1)", 7, ".blend"),
        (.compel, "fox.swap(cat)", 4, ".swap"),
        (.compel, "(a).and()", 4, ".and"),
        (.compel, String(repeating: "(", count: 3000), 33, "at most 32"),
        (.compel, (0..<17).map { "w\($0)-" + " x " }.joined(), 1, "at most 16"),
        (.sdEmbeds, (0..<150).map { "(a:1.1)(b:1.\($0 % 2 + 2)) " }.joined(), 1, "at most 256"),
    ])
    func `are refused where they stand`(
        syntax: PromptSyntax, prompt: String, position: Int, words: String
    ) {
        let error = #expect(throws: PromptSyntaxError.self) { try syntax.parse(prompt) }
        guard let error else { return }
        if !words.hasPrefix("at most 256") { #expect(error.position == position, "\(error)") }
        for word in words.split(separator: " ") {
            #expect(error.description.contains(word), "\(error)")
        }
    }

    @Test(arguments: PromptSyntax.allCases) func `survive any text`(syntax: PromptSyntax) {
        var random = SystemRandomNumberGenerator()
        let letters = Array("ab ()[]:\\\"+-.,=1.2\u{301}\u{1F30D}\n")
        for _ in 0..<3000 {
            let count = Int.random(in: 0...40, using: &random)
            let text = String((0..<count).compactMap { _ in letters.randomElement(using: &random) })
            // Any outcome will do.
            _ = try? syntax.parse(text)
        }
    }
}

@Suite struct `Chunks of a prompt` {
    let tokenizer = CLIPTokenizer.shared

    @Test(arguments: [0, 1, 74, 75, 76, 150, 151]) func `hold 75 tokens each`(count: Int) {
        let text = Array(repeating: "fox", count: count).joined(separator: " ")
        let fragments = [WeightedText(text, weight: 1.5)]
        let chunks = tokenizer.chunks(of: fragments, padding: .endOfText)
        #expect(chunks.count == max(1, (count + 74) / 75))
        #expect(chunks.count == tokenizer.chunkCount(of: fragments, padding: .endOfText))
        for (index, chunk) in chunks.enumerated() {
            let here = min(75, count - index * 75)
            #expect(chunk.tokens.ids.count == CLIPTokenizer.length)
            #expect(chunk.tokens.ids.first == CLIPTokenizer.startOfText)
            #expect(chunk.tokens.endIndex == here + 1)
            #expect(chunk.weights.filter { $0 == 1.5 }.count == here)
            #expect(chunk.weights.count == CLIPTokenizer.length)
            #expect(chunk.positions == (here == 0 ? [:] : [0: 1..<here + 1]))
        }
    }

    @Test func `know the places of each part, across chunks`() {
        let chunks = tokenizer.chunks(
            of: [
                WeightedText("a red"), WeightedText(""),
                WeightedText(Array(repeating: "fox", count: 80).joined(separator: " ")),
            ], padding: .zero)
        #expect(chunks.map(\.positions) == [[0: 1..<3, 2: 3..<76], [2: 1..<8]])
        #expect(
            chunks[1].tokens.ids.suffix(69) == [CLIPTokenizer.endOfText]
                + Array(repeating: 0, count: 68))
    }

    @Test func `are what the tokenizer makes of a short text`() {
        for padding in [CLIPTokenizer.Padding.endOfText, .zero] {
            let chunks = tokenizer.chunks(of: [WeightedText("a lake!")], padding: padding)
            #expect(chunks.map(\.tokens) == [tokenizer.encode("a lake!", padding: padding)])
        }
        let filled = tokenizer.chunks(
            of: [], padding: .zero, filler: CLIPTokenizer.endOfText)
        #expect(filled.map(\.tokens) == [tokenizer.encode("", padding: .endOfText)])
    }
}
