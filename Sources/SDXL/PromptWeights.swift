internal import Glibc
internal import Tensors
internal import Tokenization

/// What the weights of a prompt's tokens do to a text encoder's states.
enum PromptWeightRule {
    /// sd_embed for the base: a token's states times its weight.
    case scale
    /// sd_embed for the refiner: from the last token of the chunk, which has no weight, `weight` of the
    /// way to the token's own states.
    case fromLastToken
    /// compel: from the empty prompt's states at the same place, `weight` of the way to the token's
    /// own. Beyond that each part that weighs less than 1 is blended out: the states of the prompt with
    /// the part hidden from all tokens' attention join with tan((1 - weight) * pi / 2) shares to
    /// the prompt's one.
    case fromEmptyPrompt

    init(_ syntax: PromptSyntax, isBase: Bool) {
        self =
            switch syntax {
            case .compel: .fromEmptyPrompt
            case .sdEmbeds: isBase ? .scale : .fromLastToken
            }
    }
}

extension TextEncoder {
    /// Weighs the states of one text in place.
    ///
    /// - Parameters:
    ///   - states: [chunks, 77, width], as ``encode(_:skippedLayers:learned:hiding:_:)`` gave them.
    ///   - empty: a chunk without text.
    func weigh(
        _ states: Activation, of chunks: [PromptChunk], by rule: PromptWeightRule,
        empty: PromptChunk, skippedLayers: Int, learned: LearnedVocabulary, _ compute: Compute
    ) {
        guard chunks.contains(where: { $0.weights.contains { $0 != 1 } }) else { return }
        compute.scoped {
            switch rule {
            case .scale:
                for (index, chunk) in chunks.enumerated() {
                    weigh(states.image(index), chunk) { _ in nil }
                }
            case .fromLastToken:
                for (index, chunk) in chunks.enumerated() {
                    let last = states.image(index) + (states.tokens - 1) * width
                    weigh(states.image(index), chunk) { _ in last }
                }
            case .fromEmptyPrompt:
                let base = encode([empty.tokens], skippedLayers: [skippedLayers], compute).states
                for (index, chunk) in chunks.enumerated() {
                    weigh(states.image(index), chunk) { base.data + $0 * width }
                }
                blendOutLightParts(
                    states, of: chunks, base: base, skippedLayers: skippedLayers, learned: learned,
                    compute)
            }
        }
    }

    /// state = from + (state - from) * weight, or state * weight where there is no `from`; untouched
    /// where the weight is 1. A few rows once a job: no hot loop.
    private func weigh(
        _ states: UnsafeMutablePointer<Float>, _ chunk: PromptChunk,
        from: (_ position: Int) -> UnsafeMutablePointer<Float>?
    ) {
        for (position, weight) in chunk.weights.enumerated() where weight != 1 {
            let row = states + position * width
            let from = from(position)
            for channel in 0..<width {
                let start = from?[channel] ?? 0
                row[channel] = start + (row[channel] - start) * weight
            }
        }
    }

    private func blendOutLightParts(
        _ states: Activation, of chunks: [PromptChunk], base: Activation, skippedLayers: Int,
        learned: LearnedVocabulary, _ compute: Compute
    ) {
        var shares: [Int: Double] = [:]
        for chunk in chunks {
            for (part, positions) in chunk.positions {
                let weight = Double(chunk.weights[positions.lowerBound])
                // Shares are finite, and weights below 0 do not occur in this syntax.
                if weight < 1 { shares[part] = tan((1 - max(1e-5, weight)) * .pi / 2) }
            }
        }
        let total = 1 + shares.keys.sorted().reduce(0) { $0 + (shares[$1] ?? 0) }
        for (index, chunk) in chunks.enumerated() {
            let here = chunk.positions.keys.filter { shares[$0] != nil }.sorted()
            let count = states.tokens * width
            let blended = states.image(index)
            // Where a part has no tokens, hiding it changes nothing.
            let own = total - here.reduce(0) { $0 + (shares[$1] ?? 0) }
            for value in 0..<count { blended[value] *= Float(own / total) }
            for part in here {
                guard let positions = chunk.positions[part], let share = shares[part] else {
                    continue
                }
                compute.scoped {
                    let without = encode(
                        [chunk.tokens], skippedLayers: [skippedLayers], learned: learned,
                        hiding: positions, compute
                    ).states
                    weigh(without.data, chunk) { base.data + $0 * width }
                    for value in 0..<count {
                        blended[value] += without.data[value] * Float(share / total)
                    }
                }
            }
        }
    }
}

extension Compute {
    /// Causal attention of one prompt in which nobody sees the tokens at `hidden`, they themselves
    /// included. The first token is never hidden.
    func causalAttention(
        queries: Activation, keys: Activation, values: Activation, headDimension: Int,
        hiding hidden: Range<Int>
    ) -> Activation {
        precondition(queries.images == 1 && hidden.lowerBound > 0)
        let out = activation(like: queries)
        let after = hidden.upperBound..<queries.tokens
        scoped {
            // Taken out, the hidden tokens leave the order of the others, and so plain causal attention.
            func others(_ input: Activation) -> Activation {
                let others = activation(
                    images: 1, height: 1, width: hidden.lowerBound + after.count,
                    channels: input.channels)
                others.data.update(
                    from: input.data, count: hidden.lowerBound * input.channels)
                (others.data + hidden.lowerBound * input.channels).update(
                    from: input.data + after.lowerBound * input.channels,
                    count: after.count * input.channels)
                return others
            }
            func rows(_ input: Activation, _ range: Range<Int>) -> Activation {
                Activation(
                    data: input.data + range.lowerBound * input.channels, images: 1, height: 1,
                    width: range.count, channels: input.channels)
            }
            let seen = causalAttention(
                queries: others(queries), keys: others(keys), values: others(values),
                headDimension: headDimension)
            // The hidden ones see all before them.
            let unseen = attention(
                queries: rows(queries, hidden), keys: rows(keys, 0..<hidden.lowerBound),
                values: rows(values, 0..<hidden.lowerBound), headDimension: headDimension)
            let channels = out.channels
            out.data.update(from: seen.data, count: hidden.lowerBound * channels)
            (out.data + hidden.lowerBound * channels).update(from: unseen.data, count: unseen.count)
            (out.data + after.lowerBound * channels).update(
                from: seen.data + hidden.lowerBound * channels, count: after.count * channels)
        }
        return out
    }
}
