internal import Generation
internal import Tokenization

// What can be told of a job's prompts before they are encoded.

/// How long prompts are, each read once: the branches of a job share most of theirs.
struct PromptLengths {
    /// With weighting, in chunks.
    fileprivate var chunks: [String: Int] = [:]
    /// Without: tokens that are cut off.
    fileprivate var truncated: [String: Int] = [:]
}

extension SDXLGenerator {
    /// Each prompt that is encoded, once, with its parameter.
    func prompts(of job: GenerationJob) -> [(name: String, text: String)] {
        let refiner = job.refiner
        let all: [(String, String?)] = [
            ("positivePrompt", job.positivePrompt), ("negativePrompt", job.negativePrompt),
            ("positivePrompt2", job.positivePrompt2), ("negativePrompt2", job.negativePrompt2),
            (
                "refiner.positivePrompt",
                refiner?.positivePrompt == job.positivePrompt ? nil : refiner?.positivePrompt
            ),
            (
                "refiner.negativePrompt",
                refiner?.negativePrompt == job.negativePrompt ? nil : refiner?.negativePrompt
            ),
        ]
        return all.compactMap { name, text in text.map { (name, $0) } }
    }

    /// With weighting, every prompt's weights can be read, and no prompt is too long.
    func checkWeights(
        _ job: GenerationJob, learned: [LearnedWord], _ lengths: inout PromptLengths
    ) throws(GenerationError) {
        guard let syntax = job.promptWeighting.map(PromptSyntax.init) else { return }
        let tokenizer = CLIPTokenizer.shared
        for (name, text) in prompts(of: job) where lengths.chunks[text] == nil {
            let chunkCount: Int
            do {
                let fragments = try syntax.parse(text)
                chunkCount = max(
                    tokenizer.chunkCount(of: fragments, padding: .endOfText, learned: learned),
                    tokenizer.chunkCount(of: fragments, padding: .zero, learned: learned))
            } catch {
                throw .invalid(
                    name, code: "invalidPromptWeighting",
                    "In \(name), \(error). The syntax is that of promptWeighting "
                        + "\(job.promptWeighting?.rawValue ?? "").")
            }
            guard chunkCount <= CLIPTokenizer.chunkMaximum else {
                throw .invalid(
                    name, code: "valueTooLarge",
                    "\(name) fills \(chunkCount) times \(CLIPTokenizer.chunkLength) tokens: at most "
                        + "\(CLIPTokenizer.chunkMaximum) times are taken; shorten it.")
            }
            lengths.chunks[text] = chunkCount
        }
    }

    /// One sentence for each prompt that the text encoders cannot take whole.
    func truncationAdvice(
        _ job: GenerationJob, learned: [LearnedWord], _ lengths: inout PromptLengths
    ) -> [String] {
        guard job.promptWeighting == nil else { return [] }
        return prompts(of: job).compactMap { name, text in
            let count =
                lengths.truncated[text]
                ?? CLIPTokenizer.shared.encode(text, padding: .endOfText, learned: learned)
                .truncatedCount
            lengths.truncated[text] = count
            guard count > 0 else { return nil }
            return """
                \(name) is \(count) tokens too long: the text encoders read the \
                first \(CLIPTokenizer.length - 2), the rest has no effect.
                """
        }
    }
}
