import Glibc

/// What a load test does: a value that its seed decides. When the server answers changes nothing of it, but
/// in a closed loop how far it comes.
struct LoadPlan: Sendable {
    enum Arrivals: Equatable, Sendable {
        /// Requests come at random moments, so many a second on the average, whether or not earlier ones are
        /// answered: the gaps of a Poisson process.
        case open(rate: Double)
        /// So many callers, each of whom asks again when it has its answer.
        case closed(clients: Int)
    }

    var mix: LoadMix
    var arrivals: Arrivals
    /// In which requests begin; those under way at its end are waited for.
    var duration: Duration
    var seed: UInt64

    func request(_ number: Int) -> LoadRequest { mix.request(number, seed: seed) }

    /// Of an open loop: when its requests are to begin, rising, the first request's first. Empty in a closed
    /// one.
    var starts: [Duration] {
        guard case .open(let rate) = arrivals else { return [] }
        var draws = SplitMix64(seed: seed)
        var starts: [Duration] = []
        var time = 0.0
        while true {
            time += -log(1 - Double.random(in: 0..<1, using: &draws)) / rate
            let start = Duration.seconds(time)
            guard start < duration else { return starts }
            starts.append(start)
        }
    }
}
