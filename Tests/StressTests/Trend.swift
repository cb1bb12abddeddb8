/// How much something grows while a process lives, over the lives of several.
struct Trend {
    /// Of each process: seconds since it began, and the value then.
    private var lives: [[(seconds: Double, value: Double)]] = []

    mutating func beginLife() { lives.append([]) }

    mutating func add(_ value: Double, at seconds: Double) {
        lives[lives.count - 1].append((seconds: seconds, value: value))
    }

    /// The least-squares slope that all lives have in common, each with a level of its own, in units an hour;
    /// nil without two moments in one life.
    ///
    /// - Parameter seconds: of the begin of each life, which are left out: caches fill.
    func slopePerHour(after seconds: Double) -> Double? {
        var (above, below) = (0.0, 0.0)
        for life in lives {
            let points = life.filter { $0.seconds >= seconds }
            let count = Double(points.count)
            let middle = points.reduce(0) { $0 + $1.seconds } / count
            let level = points.reduce(0) { $0 + $1.value } / count
            for point in points {
                above += (point.seconds - middle) * (point.value - level)
                below += (point.seconds - middle) * (point.seconds - middle)
            }
        }
        return below > 0 ? above / below * 3600 : nil
    }

    var largest: Double { lives.joined().map(\.value).max() ?? 0 }
}
