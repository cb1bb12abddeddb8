import Tokenization

/// Text that people write.
enum Prompts {
    static func runTokenizer(_ input: inout ArraySlice<UInt8>) throws {
        let padding: CLIPTokenizer.Padding = input.choice() % 2 == 0 ? .endOfText : .zero
        let text = String(decoding: input, as: UTF8.self)
        let prompt = CLIPTokenizer.shared.encode(text, padding: padding)
        try check(prompt)
        try require(prompt.truncatedCount >= 0, "it cut off less than nothing")
    }

    static func runSyntax(_ input: inout ArraySlice<UInt8>) throws {
        let syntaxes = PromptSyntax.allCases
        let syntax = syntaxes[input.choice() % syntaxes.count]
        let text = String(decoding: input, as: UTF8.self)
        let parts: [WeightedText]
        do {
            parts = try syntax.parse(text)
        } catch {
            let length = text.unicodeScalars.count
            try require(
                1...max(1, length + 1) ~= error.position, "\(error) in \(length) characters")
            return
        }
        try require(!parts.isEmpty, "it has no parts")
        try require(parts.count <= PromptSyntax.fragmentMaximum, "it has \(parts.count) parts")
        for part in parts {
            try require(
                abs(part.weight) <= PromptSyntax.weightMaximum, "\(part.weight) is a weight")
        }
        let tokenizer = CLIPTokenizer.shared
        let chunks = tokenizer.chunks(of: parts, padding: .endOfText)
        try require(
            chunks.count == tokenizer.chunkCount(of: parts, padding: .endOfText),
            "it has other chunks than were counted")
        for chunk in chunks {
            try check(chunk.tokens)
            try require(chunk.weights.count == chunk.tokens.ids.count, "a token has no weight")
        }
    }

    private static func check(_ prompt: TokenizedPrompt) throws {
        try require(prompt.ids.count == CLIPTokenizer.length, "it has \(prompt.ids.count) tokens")
        try require(
            prompt.ids.allSatisfy { 0...CLIPTokenizer.endOfText ~= $0 }, "there is no such token")
        try require(prompt.ids.indices.contains(prompt.endIndex), "its end is beyond it")
        try require(
            prompt.ids.first == CLIPTokenizer.startOfText, "it begins with something else")
    }
}
