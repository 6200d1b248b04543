-- The work of bench.c in Lua 5.4, as far as its library goes.
local headers = { ["x-tenant"] = "contoso",
    authorization = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiYSIsImIiXX0.c2ln" }
local function header(name, standard) return headers[name:lower()] or standard end
local method = "POST"
local function split(s, sep)
    local out = {}
    for part in (s .. sep):gmatch("(.-)" .. sep) do out[#out + 1] = part end
    return out
end

local cases = {
    { "header-compare", function() return header("X-Tenant", "") == "contoso" end },
    { "header-icase", function() return header("X-Tenant", ""):lower() == "contoso" end },
    { "method-and-header", function() return method == "POST" and headers["x-tenant"] ~= nil end },
    { "interpolation", function() return string.format("https://%s.example/v%d/items", header("X-Tenant", ""), 2) end },
    { "split-last", function() local p = split(header("Authorization", ""), " ") return p[#p] end },
    { "regex-match", function() return ("public, max-age=120"):match("max%-age=(%d+)") end },
    { "linq-50", function()
        local kept, sum = {}, 0
        for x = 1, 50 do if x % 3 == 0 then kept[#kept + 1] = x * 2 end end
        for _, x in ipairs(kept) do sum = sum + x end
        return sum
    end },
    { "loop-100", function() local s = 0 for i = 0, 99 do if i % 7 ~= 0 then s = s + i end end return s end },
    { "cookie-pick", function()
        for _, c in ipairs(split("a=1; session=abc; b=2", ";")) do
            c = c:match("^%s*(.-)%s*$")
            if c:sub(1, 8) == "session=" then return c end
        end
    end },
}

for _, case in ipairs(cases) do
    local start, n = os.clock(), 0
    while os.clock() - start < 0.2 do
        for _ = 1, 1000 do case[2]() end
        n = n + 1000
    end
    print(case[1] .. "\t" .. string.format("%.0f", (os.clock() - start) * 1e9 / n))
end
