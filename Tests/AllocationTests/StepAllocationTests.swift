import CAllocationCounter
import Diffusion
import Generation
import Testing

@testable import SDXL
@testable import Tensors

/// Within a step memory comes from the arena, which has it from the first step. What the heap is asked
/// for is small change: lists of layers' results, closures that are shared with threads.
@Suite(.enabled(if: refinery_allocations_counted(), "a sanitizer has an allocator of its own"))
struct StepAllocationTests {
    /// More than any list of layers' results is, less than any tensor.
    static let smallByteCount = 2048

    @Test(arguments: [Workbench.Part.base, .refiner, .decode, .encode], [64, 128])
    func `a later run takes no tensor from the heap and no more of the arena`(
        part: Workbench.Part, side: Int
    ) throws {
        let run = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID
        ).prepare(
            part, size: ImageSize(height: side, width: side), images: part.isGuided ? 2 : 1,
            threads: 2)
        run.compute.sharedOperations = 0
        run.run()
        let highWater = run.compute.arena.highWater
        let (_, taken) = counted { run.run() }
        #expect(run.compute.arena.highWater == highWater)
        #expect(taken.largest_byte_count <= Self.smallByteCount, "\(taken)")
    }

    @Test(arguments: [SamplerAlgorithm.euler, .dpmPlusPlus2M, .uniPC], [false, true])
    func `a later step, sampler and guidance with it, takes none either, nor with previews`(
        algorithm: SamplerAlgorithm, isWatched: Bool
    ) throws {
        let expert = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID
        ).baseExpert
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let sizes = [Float](repeating: 256, count: 6)
        let prompt = expert.encode(
            ExpertPrompt(
                positive: "a fox", negative: "", positive2: "a fox", negative2: "",
                timeIDs: sizes, negativeTimeIDs: sizes, guidanceScale: 7), compute, trace: nil)
        prompt.prepare(for: expert.unet, compute)
        let denoiser = Denoiser(
            algorithm: algorithm, schedule: try SchedulerName("Euler").schedule(stepCount: 5),
            eta: nil, firstStep: 0, picture: nil, noise: TorchGenerator(seed: 1), height: 32,
            width: 32, isWatched: isWatched, trace: nil)
        func step() {
            _ = denoiser.step(expert.unet, prompt, compute, trace: nil, isRefiner: false)
        }
        step()
        for number in 2...5 {
            // Kept over the step, as by one who draws it.
            let foreseen = denoiser.foreseen()
            let (_, taken) = counted(step)
            #expect((foreseen != nil) == isWatched)
            #expect(taken.largest_byte_count <= Self.smallByteCount, "step \(number): \(taken)")
        }
    }

    @Test func `the counter sees an array`() {
        // The first of its kind in the process takes memory for its type as well.
        _ = counted { [Float](repeating: 1, count: 1000) }
        let (array, taken) = counted { [Float](repeating: 1, count: 1000) }
        #expect(array.count == 1000)
        #expect(taken.count == 1)
        #expect(taken.largest_byte_count >= 4000)
    }

    private func counted<Result>(_ body: () -> Result) -> (Result, refinery_allocations) {
        refinery_allocations_begin()
        let result = body()
        return (result, refinery_allocations_end())
    }
}
