-- Asks the gateway about a request (HAProxy 2.6 or later). Nothing but `Interdict-Decision: allow` allows: no answer, another
-- answer and a fault of this script leave `txn.interdict_allowed` unset, and the configuration refuses.
core.register_action("interdict", { "http-req" }, function(txn, gateway)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        headers[name] = {}
        for index, value in pairs(values) do
            headers[name][index + 1] = value
        end
    end
    -- What only HAProxy knows, and what belongs to the client's own connection.
    for _, name in ipairs({ "connection", "content-length", "content-type", "expect", "keep-alive", "te", "trailer",
        "transfer-encoding", "upgrade", "forwarded", "x-forwarded-host" }) do
        headers[name] = nil
    end
    headers["x-forwarded-for"] = { txn.f:src() }
    headers["x-original-method"] = { txn.f:method() }
    headers["x-original-uri"] = { txn.f:pathq() }

    local answer = core.httpclient():get({ url = "http://" .. gateway .. "/check/haproxy", headers = headers })
    local function first(name)
        local values = answer and answer.headers and answer.headers[name]
        return values and (values[0] or values[1]) or ""
    end
    local decision = first("interdict-decision")
    txn:set_var("txn.interdict_decision", decision)
    txn:set_var("txn.interdict_link", first("link"))
    txn:set_var("txn.interdict_status", first("interdict-status"))
    local says_allow = decision == "allow" or decision:sub(1, 6) == "allow;"
    if answer and answer.status == 200 and says_allow then
        txn:set_var("txn.interdict_allowed", true)
    end
end, 1)
