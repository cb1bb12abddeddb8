internal import Generation
internal import Tensors
internal import Weights

/// The LoRA files there are, and what each changes in which expert. Experts stay as they are: a job
/// gets one of its own that shares their weights.
struct LoRALibrary: Sendable {
    private let files: [String: LoRAFile]
    /// By the id of the expert's model.
    private let layers: [String: AdaptableLayers]

    init(_ files: [String: LoRAFile], experts: [String: Expert]) {
        self.files = files
        // Without a LoRA nobody asks for layers.
        layers = files.isEmpty ? [:] : experts.mapValues { AdaptableLayers(of: $0) }
    }

    /// Checks what the job asks of its experts.
    ///
    /// - Returns: a sentence for each LoRA that only partly fits the expert it is for.
    /// - Throws: FAILED_PRECONDITION for one that does not fit at all.
    func advice(_ job: GenerationJob) throws(GenerationError) -> [String] {
        var advice: [String] = []
        var uses = try uses(job, .base, of: job.model)
        if let refiner = job.refiner { uses += try self.uses(job, .refiner, of: refiner.model) }
        for use in uses {
            let match = try match(use)
            guard let example = match.unmatched.first else { continue }
            advice.append(
                """
                \(use.field) (\(use.file.name)): \(match.unmatched.count) of the \
                \(use.file.modules.count) layers that it changes are not in "\(use.expert)", such \
                as \(example); they have no effect.
                """)
        }
        return advice
    }

    /// Those that the job names, in its order.
    func used(by job: GenerationJob) -> [LoRAFile] {
        job.loras.compactMap { files[$0.model] }
    }

    /// The expert as the job has it. Reads how much each pair of matrices counts, nothing else.
    ///
    /// - Parameter target: `base` or `refiner`.
    func adapted(
        _ expert: Expert, id: String, _ target: GenerationRequest.LoRA.Target,
        for job: GenerationJob
    ) throws(GenerationError) -> Expert {
        var adapters: [AdaptableLayer: [Adapter]] = [:]
        for use in try uses(job, target, of: id) where use.weight != 0 {
            for (layer, module) in try match(use).modules {
                do {
                    let adapter = try use.file.adapter(module, weight: use.weight)
                    adapters[layer, default: []].append(adapter)
                } catch {
                    throw use.misfit("\(error)")
                }
            }
        }
        guard !adapters.isEmpty else { return expert }
        var adapted = expert
        adapted.files += used(by: job).map(\.file)
        adapted.setAdapters { adapters[$0] ?? [] }
        return adapted
    }
}

extension LoRALibrary {
    /// One LoRA of a job, for one of its experts.
    private struct Use {
        let field: String
        let file: LoRAFile
        let layers: AdaptableLayers
        /// The id of the expert's model.
        let expert: String
        let weight: Double

        func misfit(_ words: String) -> GenerationError {
            GenerationError(
                .failedPrecondition, code: "incompatibleLora",
                "\(field) does not fit \"\(expert)\": \(words)", fields: [field])
        }
    }

    private func uses(
        _ job: GenerationJob, _ target: GenerationRequest.LoRA.Target, of expert: String
    ) throws(GenerationError) -> [Use] {
        var uses: [Use] = []
        for (index, lora) in job.loras.enumerated() where [target, .both].contains(lora.applyTo) {
            let field = "lora[\(index)].model"
            guard let file = files[lora.model], let layers = layers[expert] else {
                throw GenerationError(
                    .notFound, code: "modelNotFound",
                    "there is no usable LoRA \"\(lora.model)\" for a model \"\(expert)\"",
                    fields: [field])
            }
            uses.append(
                Use(
                    field: field, file: file, layers: layers, expert: expert, weight: lora.weight))
        }
        return uses
    }

    private func match(_ use: Use) throws(GenerationError) -> LoRAFile.Match {
        let match: LoRAFile.Match
        do {
            match = try use.file.match(use.layers)
        } catch {
            throw use.misfit(
                "\(error). The LoRA was made for another model; take one made for SDXL")
        }
        guard !match.modules.isEmpty else {
            let names = match.unmatched
            throw use.misfit(
                """
                \(use.file.name) changes \(names.count) layers\(names.first.map { ", such as \($0)" } ?? ""), \
                and none of them is there. The model has \(use.layers.count) that can be changed, such as \
                \(use.layers.example). The LoRA was made for another architecture, or for the \
                other expert: see applyTo
                """)
        }
        return match
    }
}
