import Generation

extension LoadReport {
    /// One object; times are seconds.
    var json: JSONText {
        .object([
            "version": JSONText(Refinery.version), "server": JSONText(server),
            "serverVersion": JSONText(serverVersion), "lanes": JSONText(lanes),
            "threads": JSONText(threads), "plan": planObject, "seconds": JSONText(record.seconds),
            "picturesPerSecond": JSONText(record.rate),
            "sums": .object(sums.map { (key: $0.name, value: JSONText($0.count)) }),
            "sumsClose": JSONText(record.sumsClose),
            "serverSums": ledger.map { .array($0.checks.map(Self.object)) },
            "latencies": .object(
                latencies.map { (key: $0.key, value: Self.object($0.histogram)) }),
            "relativeError": JSONText(LatencyHistogram.relativeError),
            "etaErrors": .array(record.estimates.named.map(Self.object)),
            "etaErrorsByTenth": .array(
                record.estimates.tenths.enumerated().map {
                    Self.object((name: "\($0.offset * 10) %", bin: $0.element))
                }),
            "etaMoved": .object(
                record.estimates.moves.map { (key: $0.name, value: Self.object($0.distances)) }),
            "failures": .array(
                failures.map {
                    .object([
                        "code": JSONText($0.failure.code), "message": JSONText($0.failure.message),
                        "count": JSONText($0.count),
                    ])
                }),
            "repeatedKinds": JSONText(record.repeatedKindCount),
            "unlikeKinds": .array(record.unlikeKinds.map(unlike)),
            "timeline": .array(
                record.timeline.map {
                    .object([
                        "started": JSONText($0.started), "finished": JSONText($0.finished),
                        "ended": JSONText($0.ended),
                    ])
                }),
            "verdicts": .array(
                verdicts.map {
                    .object(["text": JSONText($0.text), "met": JSONText($0.isMet)])
                }),
            "met": JSONText(isMet),
        ])
    }

    private var planObject: JSONText {
        var rate: Double?
        var clients: Int?
        switch plan.arrivals {
        case .open(let value): rate = value
        case .closed(let value): clients = value
        }
        return .object([
            "requestsPerSecond": rate.map { JSONText($0) }, "clients": clients.map { JSONText($0) },
            "seconds": JSONText(plan.duration / .seconds(1)), "seed": JSONText(plan.seed),
            "model": plan.mix.model.map { JSONText($0) },
            "refiner": plan.mix.refiner.map { JSONText($0) },
            "sizes": .array(plan.mix.sizes.map { JSONText("\($0.width)x\($0.height)") }),
            "steps": .array(plan.mix.steps.map { JSONText($0) }),
            "handoffs": .array(plan.mix.handoffs.map { JSONText($0 ?? 100) }),
            "seeds": JSONText(plan.mix.seedCount), "cancelShare": JSONText(plan.mix.cancelShare),
            "cutShare": JSONText(plan.mix.cutShare), "slowShare": JSONText(plan.mix.slowShare),
        ])
    }

    private static func object(_ check: LoadLedger.Check) -> JSONText {
        .object([
            "name": JSONText(check.name), "ours": JSONText(check.ours),
            "servers": JSONText(check.servers), "relation": JSONText(check.relation.rawValue),
            "holds": JSONText(check.holds),
        ])
    }

    private static func object(_ histogram: LatencyHistogram) -> JSONText {
        func text(_ seconds: Double?) -> JSONText? { seconds.map { JSONText($0) } }
        var members: [(key: String, value: JSONText?)] = [
            (key: "count", value: JSONText(histogram.count)),
            (key: "mean", value: text(histogram.mean)),
            (key: "min", value: text(histogram.minimum)),
        ]
        for (name, value) in quantiles {
            members.append((key: name, value: text(histogram.seconds(at: value))))
        }
        members.append((key: "max", value: text(histogram.maximum)))
        return .object(members)
    }

    private static func object(_ named: (name: String, bin: EstimateErrors.Bin)) -> JSONText {
        .object([
            "at": JSONText(named.name), "error": object(named.bin.errors),
            "bias": named.bin.bias.map { JSONText($0) },
            "relativeError": object(named.bin.relative),
        ])
    }

    /// A kind of request, and the pictures that came of it.
    private func unlike(_ kind: LoadRequest.Kind) -> JSONText {
        .object([
            "size": kind.size.map { JSONText("\($0.width)x\($0.height)") },
            "steps": JSONText(kind.steps), "handoff": kind.handoff.map { JSONText($0) },
            "seed": JSONText(kind.seed),
            "pictures": .array(
                (record.digests[kind] ?? [:]).map { digest, count in
                    .object([
                        "sha256": JSONText(JSONRendering.hexadecimal(digest)),
                        "count": JSONText(count),
                    ])
                }),
        ])
    }
}
