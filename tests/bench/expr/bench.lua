-- The work of bench.c in Lua 5.4, as far as its library goes. What both do, so that the table compares like with like:
--   header-*, method-and-header, interpolation, split-last: properties are looked up in the tree of context, headers by name
--     without regard to case. Here lower() and a table; in holdfast the host's table of functions.
--   regex-match: a Lua pattern, which is no regular expression and has no names, and the text of its one capture.
--     In holdfast a Match with its groups, and the group by its name.
--   linq-50: lazy sequences that call a function for each element, as LINQ does. Tables between the steps take as long.
--   loop-100: `continue` is a goto.
local headers = { ["x-tenant"] = "contoso",
    authorization = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiYSIsImIiXX0.c2ln" }
local context = { Request = { Method = "POST", Headers = headers } }
local function header(name, standard) return context.Request.Headers[name:lower()] or standard end
local find, sub = string.find, string.sub
local function split(s, sep)
    local out, n, from, at = {}, 0, 1, find(s, sep, 1, true)
    while at do
        n = n + 1
        out[n] = sub(s, from, at - 1)
        from = at + 1
        at = find(s, sep, from, true)
    end
    out[n + 1] = sub(s, from)
    return out
end

local function range(from, n)
    local x = from - 1
    local last = x + n
    return function()
        if x < last then x = x + 1 return x end
    end
end
local function where(source, keep)
    return function()
        for x in source do if keep(x) then return x end end
    end
end
local function select(source, change)
    return function()
        local x = source()
        if x ~= nil then return change(x) end
    end
end
local function sum(source)
    local total = 0
    for x in source do total = total + x end
    return total
end

local cases = {
    { "header-compare", function() return header("X-Tenant", "") == "contoso" end, true },
    { "header-icase", function() return header("X-Tenant", ""):lower() == "contoso" end, true },
    { "method-and-header", function()
        return context.Request.Method == "POST" and context.Request.Headers[("X-Tenant"):lower()] ~= nil
    end, true },
    { "interpolation", function() return string.format("https://%s.example/v%d/items", header("X-Tenant", ""), 2) end,
        "https://contoso.example/v2/items" },
    { "split-last", function() local p = split(header("Authorization", ""), " ") return p[#p] end,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiYSIsImIiXX0.c2ln" },
    { "regex-match", function() return ("public, max-age=120"):match("max%-age=([0-9]+)") end, "120" },
    { "linq-50", function()
        return sum(select(where(range(1, 50), function(x) return x % 3 == 0 end), function(x) return x * 2 end))
    end, 816 },
    { "loop-100", function()
        local s = 0
        for i = 0, 99 do
            if i % 7 == 0 then goto continue end
            s = s + i
            ::continue::
        end
        return s
    end, 4215 },
    { "cookie-pick", function()
        for _, c in ipairs(split("a=1; session=abc; b=2", ";")) do
            c = c:match("^%s*(.-)%s*$")
            if sub(c, 1, 8) == "session=" then return c end
        end
    end, "session=abc" },
}

for _, case in ipairs(cases) do
    assert(case[2]() == case[3], case[1])
    local start, n = os.clock(), 0
    while os.clock() - start < 0.2 do
        for _ = 1, 1000 do case[2]() end
        n = n + 1000
    end
    print(case[1] .. "\t" .. string.format("%.0f", (os.clock() - start) * 1e9 / n))
end
