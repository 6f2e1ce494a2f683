//! What a refused person is told, in each language: what happened, and what they can do about it.
//!
//! For shoppers, not for engineers: no status, no name of a header, no word of the program's own. Nothing here may promise
//! what the gateway cannot know (that nothing was charged) or tell what it must not (what it knows of the reader).

/// What a page is about, as its reader would tell the cases apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Matter {
    /// The method is not one of the route's.
    Elsewhere,
    /// A way to order that cannot be read.
    Entrance,
    /// On hold for a person.
    Held,
    /// Refused by law.
    Prohibited,
    /// No identity that is believed.
    SignIn,
    /// The body is over the limit.
    TooLarge,
    /// The request came too slowly.
    TooSlow,
    /// Could not be decided or recorded.
    Unavailable,
    /// Broken, ambiguous, or of a kind that is not read.
    Unreadable,
}

impl Matter {
    /// True where there is something to object to; else the notice would answer a question that nobody has.
    pub(super) const fn is_decided(self) -> bool {
        matches!(self, Self::Entrance | Self::Held | Self::Prohibited)
    }
}

/// The words for one matter.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) happened: &'static str,
    pub(super) heading: &'static str,
    pub(super) next: &'static str,
}

/// The words around them.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) basis: &'static str,
    pub(super) checked_against: &'static str,
    pub(super) line: &'static str,
    pub(super) lines: &'static str,
    pub(super) next: &'static str,
    pub(super) notice: &'static str,
    pub(super) policy: &'static str,
    pub(super) reference: &'static str,
    pub(super) rule: &'static str,
    pub(super) tell: fn(Matter) -> Told,
    pub(super) without: &'static str,
}

pub(super) const ENGLISH: Words = Words {
    basis: "Legal basis",
    checked_against: "The rule to check it against",
    line: "Line",
    lines: "Items of the order that are concerned",
    next: "What you can do",
    notice: "More about this, and how to object",
    policy: "policy",
    reference: "Reference",
    rule: "The rule",
    tell: english,
    without: "If your order has other items, you can place it again without these.",
};

pub(super) const SPANISH: Words = Words {
    basis: "Fundamento legal",
    checked_against: "La norma con la que se comprueba (en inglés)",
    line: "Línea",
    lines: "Artículos del pedido afectados",
    next: "Qué puede hacer",
    notice: "Más información y cómo reclamar",
    policy: "norma",
    reference: "Referencia",
    rule: "La norma (en inglés)",
    tell: spanish,
    without: "Si su pedido tiene otros artículos, puede hacerlo de nuevo sin estos.",
};

const fn english(matter: Matter) -> Told {
    match matter {
        Matter::Elsewhere => Told {
            heading: "This cannot be done here",
            happened: "This address does not take the kind of request that was sent, so it has not gone through.",
            next: "Go back and start again from our own pages. If it happens again, contact us and give the reference below.",
        },
        Matter::Entrance => Told {
            heading: "This way to order is not supported here",
            happened: "Orders must be checked before they are taken, and what comes this way cannot be checked. Your request has not gone through.",
            next: "Order through our usual cart and checkout. If you cannot, contact us and give the reference below.",
        },
        Matter::Held => Told {
            heading: "Held for review",
            happened: "Nothing has been refused yet: this is on hold until a person has looked at it. Until then it has not gone through.",
            next: "If you are in a hurry, or think that this is a mistake, contact us and give the reference below.",
        },
        Matter::Prohibited => Told {
            heading: "Unavailable for legal reasons",
            happened: "The law does not allow this to be supplied, so your request has not gone through.",
            next: "If you think that this is a mistake, contact us and give the reference below.",
        },
        Matter::SignIn => Told {
            heading: "Please sign in",
            happened: "This needs to know who you are, and that could not be confirmed. Your request has not gone through.",
            next: "Sign in again, then try once more. If it happens again, contact us and give the reference below.",
        },
        Matter::TooLarge => Told {
            heading: "This is too large to be checked",
            happened: "More was sent than can be checked at once, so it has not gone through.",
            next: "Send it in smaller parts. If you cannot, contact us and give the reference below.",
        },
        Matter::TooSlow => Told {
            heading: "This took too long to arrive",
            happened: "The connection was too slow, so your request has not gone through.",
            next: "Try again, perhaps from a better connection. If it happens again, contact us and give the reference below.",
        },
        Matter::Unavailable => Told {
            heading: "Please try again in a moment",
            happened: "Your request must be checked first, and that was not possible just now. Nothing has been refused, but it has not gone through.",
            next: "Wait a few seconds, then go back and try again. If it happens again, contact us and give the reference below.",
        },
        Matter::Unreadable => Told {
            heading: "This request could not be read",
            happened: "What your browser or app sent is damaged, incomplete or unclear, so it has not gone through.",
            next: "Go back and try again. If it happens again, contact us and give the reference below.",
        },
    }
}

const fn spanish(matter: Matter) -> Told {
    match matter {
        Matter::Elsewhere => Told {
            heading: "Esto no se puede hacer aquí",
            happened: "Esta dirección no admite el tipo de solicitud enviado, por lo que no se ha tramitado.",
            next: "Vuelva atrás y empiece de nuevo desde nuestras páginas. Si vuelve a ocurrir, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
        Matter::Entrance => Told {
            heading: "Aquí no se admite esta forma de hacer pedidos",
            happened: "Los pedidos deben comprobarse antes de aceptarse, y lo que llega por esta vía no se puede comprobar. Su solicitud no se ha tramitado.",
            next: "Haga el pedido con el carrito y la página de pago habituales. Si no puede, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
        Matter::Held => Told {
            heading: "En espera de revisión",
            happened: "Todavía no se ha rechazado nada: queda en espera hasta que una persona lo revise. Hasta entonces no se tramitará.",
            next: "Si tiene prisa o cree que es un error, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
        Matter::Prohibited => Told {
            heading: "No disponible por motivos legales",
            happened: "La ley no permite este suministro, por lo que su solicitud no se ha tramitado.",
            next: "Si cree que es un error, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
        Matter::SignIn => Told {
            heading: "Inicie sesión",
            happened: "Es necesario saber quién es usted y no se ha podido confirmar. Su solicitud no se ha tramitado.",
            next: "Inicie sesión de nuevo y vuelva a intentarlo. Si vuelve a ocurrir, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
        Matter::TooLarge => Told {
            heading: "Es demasiado grande para comprobarse",
            happened: "Se ha enviado más de lo que se puede comprobar de una vez, por lo que no se ha tramitado.",
            next: "Envíelo en partes más pequeñas. Si no puede, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
        Matter::TooSlow => Told {
            heading: "Ha tardado demasiado en llegar",
            happened: "La conexión era demasiado lenta, por lo que su solicitud no se ha tramitado.",
            next: "Inténtelo de nuevo, quizá con una conexión mejor. Si vuelve a ocurrir, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
        Matter::Unavailable => Told {
            heading: "Vuelva a intentarlo dentro de un momento",
            happened: "Su solicitud debe comprobarse antes, y ahora mismo no ha sido posible. No se ha rechazado nada, pero tampoco se ha tramitado.",
            next: "Espere unos segundos, vuelva atrás e inténtelo de nuevo. Si vuelve a ocurrir, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
        Matter::Unreadable => Told {
            heading: "No se ha podido leer esta solicitud",
            happened: "Lo que ha enviado su navegador o aplicación está dañado, incompleto o no es claro, por lo que no se ha tramitado.",
            next: "Vuelva atrás e inténtelo de nuevo. Si vuelve a ocurrir, póngase en contacto con nosotros e indique la referencia de abajo.",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Matter; 9] = [
        Matter::Elsewhere,
        Matter::Entrance,
        Matter::Held,
        Matter::Prohibited,
        Matter::SignIn,
        Matter::TooLarge,
        Matter::TooSlow,
        Matter::Unavailable,
        Matter::Unreadable,
    ];

    #[test]
    fn every_matter_has_a_heading_of_its_own_in_each_language_and_says_what_to_do() {
        let mut headings = std::collections::BTreeSet::new();
        for matter in ALL {
            for (tell, whom, outcome) in [
                (ENGLISH.tell, "the reference", "gone through"),
                (SPANISH.tell, "la referencia", "tramita"),
            ] {
                let told = tell(matter);
                assert!(headings.insert(told.heading), "{matter:?}: {}", told.heading);
                assert!(told.happened.contains(outcome), "{matter:?}: {}", told.happened);
                assert!(told.next.contains(whom), "{matter:?}: {}", told.next);
            }
        }
    }
}
