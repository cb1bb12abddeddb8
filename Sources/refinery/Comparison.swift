import Generation
import Glibc

/// Several endings of one picture, and how far they are apart.
struct Comparison {
    struct Ending {
        var plan: GenerationPlan.Branch
        var picture: Picture
        var sha256: [UInt8]
        /// From the picture before it, in the order in which they were made, to its own being done.
        var seconds: Double
        /// Steps that were run for it: those that it shares were run for one before.
        var ownSteps: Int
    }

    /// In the order of the request.
    var endings: [Ending]
    var seed: Int64
    var summary: Event.Summary

    /// What the others are held against: the base alone if it is there.
    var reference: Int { endings.firstIndex { $0.plan.handoff == nil } ?? 0 }

    /// Peak signal-to-noise ratio of two endings in dB; infinite for the same pixels.
    func psnr(_ first: Int, _ second: Int) -> Double {
        let pairs = zip(endings[first].picture.pixels, endings[second].picture.pixels)
        let squares = pairs.reduce(0) { sum, pair in
            let difference = Int(pair.0) - Int(pair.1)
            return sum + difference * difference
        }
        let mean = Double(squares) / Double(endings[first].picture.pixels.count)
        return mean == 0 ? .infinity : 10 * log10(255 * 255 / mean)
    }

    /// How each channel of two endings differs, times `factor`: black where they are the same.
    func difference(_ first: Int, _ second: Int, factor: Int) -> Picture {
        let pixels = zip(endings[first].picture.pixels, endings[second].picture.pixels).map {
            UInt8(min(255, abs(Int($0) - Int($1)) * factor))
        }
        return Picture(size: endings[first].picture.size, pixels: pixels)
    }
}
