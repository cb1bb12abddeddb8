/// Classifier-free guidance: how the two predictions of a step become one.
public enum Guidance {
    /// Whether `scale` needs the negative prediction at all; at 1 or below one pass is enough.
    public static func isNeeded(scale: Double) -> Bool { scale > 1 }

    /// result = negative + scale * (positive - negative), element by element; all of one count.
    public static func apply(
        scale: Float, negative: Span<Float>, positive: Span<Float>,
        into result: inout MutableSpan<Float>
    ) {
        precondition(negative.count == result.count && positive.count == result.count)
        for i in result.indices {
            result[i] = negative[i] + scale * (positive[i] - negative[i])
        }
    }
}
